import datetime
import os
import tempfile
import unittest
import unittest.mock

from backup import lacking, make, tell
from backupMachine import Machine
from backupRules import answers_of, choose, closed, exposition, failures, gap_of, good, missed, newest_everywhere, scheduled, unsure, wanted


def at(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp())


def member(name, role, state="streaming", lag=0):
    return {"name": name, "role": role, "state": state, "lag": lag}


def backup(kind, start, minutes=5, label="x"):
    return {"type": kind, "label": label, "timestamp": {"start": at(start), "stop": at(start) + 60 * minutes}}


class Chosen(unittest.TestCase):
    def test_alone_it_is_the_leader(self):
        self.assertEqual(choose([member("core-1", "leader", "running")]), "core-1")

    def test_a_standby_that_no_commit_waits_for_comes_first(self):
        leader = member("db-1", "leader", "running")
        sync, later, first = member("db-2", "sync_standby"), member("db-4", "replica"), member("db-3", "replica")
        self.assertEqual(choose([leader, sync, later, first]), "db-3")
        self.assertEqual(choose([leader, sync]), "db-2")

    def test_one_that_is_behind_or_does_not_stream_makes_none(self):
        leader = member("db-1", "leader", "running")
        for other in (
            member("db-2", "replica", "starting"),
            member("db-2", "replica", lag=1 << 30),
            member("db-2", "replica", lag="unknown"),
        ):
            self.assertEqual(choose([leader, other]), "db-1")

    def test_every_member_comes_to_the_same(self):
        members = [member("db-3", "replica"), member("db-1", "leader", "running"), member("db-2", "replica")]
        self.assertEqual({choose(members), choose(members[::-1])}, {"db-2"})

    def test_nobody_while_nobody_leads(self):
        self.assertIsNone(choose([member("db-2", "replica")]))


class Schedule(unittest.TestCase):
    # 2026-11-22 is a Sunday.
    def test_the_last_appointments(self):
        full = at("2026-11-22T02:00:00")
        self.assertEqual(scheduled(at("2026-11-22T02:00:00"), 120, 6), (full, "full", full))
        last = at("2026-11-25T02:00:00")
        self.assertEqual(scheduled(at("2026-11-26T01:59:59"), 120, 6), (last, "diff", full))

    def missed(self, now, *backups, attempt=0):
        return missed(at(now), 120, 6, list(backups), attempt)

    def test_what_was_made_in_time_is_not_made_again(self):
        made = backup("full", "2026-11-22T02:00:01")
        self.assertIsNone(self.missed("2026-11-22T12:00:00", made))
        self.assertIsNone(self.missed("2026-11-23T02:05:00", made))

    def test_a_missed_one_is_made_up_for(self):
        full = backup("full", "2026-11-22T02:00:01")
        self.assertEqual(self.missed("2026-11-23T02:10:00", full), "diff")
        self.assertEqual(self.missed("2026-11-29T03:00:00", full, backup("diff", "2026-11-28T02:00:01")), "full")
        # A differential one was made on Sunday instead: the full one is still owed.
        self.assertEqual(self.missed("2026-11-29T03:00:00", full, backup("diff", "2026-11-29T02:30:00")), "full")

    def test_one_that_failed_is_tried_again_ten_minutes_later(self):
        full = backup("full", "2026-11-22T02:00:01")
        tried = at("2026-11-23T02:10:00")
        self.assertIsNone(self.missed("2026-11-23T02:19:59", full, attempt=tried))
        self.assertEqual(self.missed("2026-11-23T02:20:00", full, attempt=tried), "diff")

    def test_the_first_one_is_made_up_for_after_two_minutes(self):
        self.assertIsNone(self.missed("2026-11-23T12:00:00", attempt=at("2026-11-23T11:58:01")))
        self.assertEqual(self.missed("2026-11-23T12:00:00", attempt=at("2026-11-23T11:58:00")), "full")


class AfterAFailover(unittest.TestCase):
    def test_segments_of_earlier_timelines_are_sent_again(self):
        earlier = ["000000010000000000000005.done", "000000010000000000000006.done"]
        other = ["000000020000000000000006.done", "00000002.history.done", "000000010000000000000007.partial.done"]
        waiting = ["000000010000000000000008.ready"]
        self.assertEqual(unsure([*other, *earlier[::-1], *waiting], 2, None), earlier)
        self.assertEqual(unsure(earlier, 1, None), [])

    def test_but_not_those_that_the_archive_has_for_sure(self):
        names = [f"0000000100000000000000{number:02X}.done" for number in range(1, 11)]
        self.assertEqual(unsure(names, 2, "000000010000000000000008"), names[3:])
        self.assertEqual(unsure(["0000000100000000000000FF.done"], 2, "000000020000000100000002"), ["0000000100000000000000FF.done"])

    def test_the_newest_that_a_repository_has(self):
        info = [{"name": "main", "archive": [{"max": "0000000200000000000000A0"}, {"max": None}, {"max": "0000000100000000000000B0"}]}]
        self.assertEqual(newest_everywhere(info, "main"), "0000000100000000000000B0")
        self.assertIsNone(newest_everywhere([], "main"))

    def test_of_several_repositories_the_one_that_is_behind_counts_but_not_one_that_is_silent(self):
        def archive(key, end):
            return {"max": end, "database": {"repo-key": key}}

        ends = [archive(1, "0000000100000000000000B0"), archive(2, "0000000100000000000000A0")]
        both = {"name": "main", "repo": [{"key": 1}, {"key": 2}]}
        self.assertEqual(newest_everywhere([{**both, "archive": ends}], "main"), "0000000100000000000000A0")
        self.assertEqual(newest_everywhere([{**both, "archive": ends[:1]}], "main"), "0000000100000000000000B0")


class Gap(unittest.TestCase):
    segments = ["000000010000000000000005", "000000010000000000000006"]

    def test_what_was_given_up(self):
        gap = gap_of(
            [
                f"1795245554 {self.segments[0]} 2026-11-21 07:19:10.999999 UTC\n",
                "1795245554 00000002.history \n",
                f"1795245555 {self.segments[1]} \n",
                f"1795245560 {self.segments[1]} \n",
            ]
        )
        self.assertEqual(gap["from"], at("2026-11-21T07:19:10"))
        self.assertEqual(gap["last"], 1795245560)
        self.assertEqual((gap["firstSegment"], gap["lastSegment"], gap["segments"]), (*self.segments, 2))

    def test_without_a_commit_in_the_first_segment_it_begins_when_that_was_given_up(self):
        self.assertEqual(gap_of([f"1795245554 {self.segments[0]} \n"])["from"], 1795245554)

    def test_a_line_that_was_cut_off_by_a_crash(self):
        self.assertIsNone(gap_of(["17952"]))
        self.assertIsNone(gap_of([]))

    def test_only_a_full_backup_that_began_afterwards_ends_it(self):
        gap = {"from": 1, "last": at("2026-11-21T08:00:00")}
        self.assertIsNone(closed(gap, [backup("full", "2026-11-21T08:00:00")]))
        self.assertIsNone(closed(gap, [backup("diff", "2026-11-21T08:10:00")]))
        ended = closed(gap, [backup("full", "2026-11-21T08:10:00", label="f")])
        self.assertEqual((ended["to"], ended["backup"]), (at("2026-11-21T08:15:00"), "f"))


class Repositories(unittest.TestCase):
    def info(self, code=0):
        one = {**backup("full", "2026-11-22T02:00:00"), "error": False, "database": {"repo-key": 1}}
        bad = {**one, "error": True}
        other = {**one, "database": {"repo-key": 2}}
        repo = [{"key": 1, "status": {"code": code}}]
        return [{"name": "main", "repo": repo, "backup": [one, bad, other]}], one

    def test_each_has_its_own_backups(self):
        info, one = self.info()
        self.assertEqual(good(info, "main", 1), ([one], True))

    def test_one_with_an_error_does_not_answer(self):
        info, _ = self.info(code=99)
        self.assertFalse(good(info, "main", 1)[1])
        self.assertEqual(good([], "main", 1), ([], False))


class Pretended:
    """A machine as far as `lacking` looks at it."""

    stanza = "main"

    def __init__(self, lost=None, giving_up=False):
        self.settings = {"at": 120, "fullOn": 6, "repositories": [1, 2]}
        self.given = lost or {}
        self.giving_up = giving_up

    def lost(self, repository):
        return self.given.get(repository)

    def path(self, name, repository=1):
        return "/" if self.giving_up else "/nothing/here"


class Lacking(unittest.TestCase):
    now = at("2026-11-23T12:00:00")
    made = [backup("full", "2026-11-22T02:00:01"), backup("diff", "2026-11-23T02:00:01")]

    def lacking(self, repository, backups, attempt, lost=None, giving_up=False):
        machine = Pretended(lost, giving_up)
        return lacking(machine, {"since": 0}, repository, backups, attempt, self.now)

    def test_each_is_judged_by_its_own_backups(self):
        attempt = {"started": at("2026-11-23T02:00:00")}
        self.assertIsNone(self.lacking(1, self.made, attempt))
        self.assertEqual(self.lacking(2, self.made[:1], attempt), "diff")
        self.assertEqual(self.lacking(2, [], attempt), "full")

    def test_a_try_in_the_other_one_is_none_in_this_one(self):
        attempt = {"started": self.now - 60, "repositories": [1]}
        self.assertIsNone(self.lacking(1, self.made[:1], attempt))
        self.assertEqual(self.lacking(2, self.made[:1], attempt), "diff")

    def test_lost_log_wants_a_full_one_in_its_repository_alone_once_that_answers(self):
        lost = {2: {"from": 0, "last": self.now - 100}}
        attempt = {"started": self.now - 200}
        self.assertIsNone(self.lacking(1, self.made, attempt, lost))
        self.assertEqual(self.lacking(2, self.made, attempt, lost), "full")
        self.assertIsNone(self.lacking(2, self.made, attempt, lost, giving_up=True))
        self.assertIsNone(self.lacking(2, self.made, {"started": self.now - 30}, lost))

    def test_a_wish_counts_for_the_start_that_follows_it(self):
        wish = {"at": self.now, "repositories": [2]}
        self.assertEqual(wanted(wish, [1, 2], self.now + 5), [2])
        self.assertEqual(wanted(wish, [1, 2], self.now + 500), [1, 2])
        self.assertEqual(wanted(None, [1, 2], self.now), [1, 2])

    def test_when_each_last_answered(self):
        info = [{"name": "main", "repo": [{"key": 1, "status": {"code": 0}}, {"key": 2, "status": {"code": 99}}], "backup": []}]
        self.assertEqual(answers_of({"2": 7}, info, "main", [1, 2], 9), {"1": 9, "2": 7})
        self.assertEqual(answers_of({}, None, "main", [1, 2], 9), {"1": 0, "2": 0})


class Made(unittest.TestCase):
    def test_log_that_was_being_given_up_is_sent_again_before_a_backup_that_needs_it_begins(self):
        with tempfile.TemporaryDirectory() as spool, tempfile.TemporaryDirectory() as programs:
            giving_up = os.path.join(spool, "giving-up")
            open(giving_up, "w").close()
            program = os.path.join(programs, "pgbackrest")
            with open(program, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n[ ! -e {giving_up} ]\n")
            os.chmod(program, 0o755)
            machine = Machine({"stanza": "main", "spool": spool, "repositories": [1], "peers": None})
            with unittest.mock.patch.dict(os.environ, {"PATH": f"{programs}:{os.environ['PATH']}"}):
                self.assertEqual(make(machine, "full"), 0)

    def test_each_repository_s_end_is_kept(self):
        with tempfile.TemporaryDirectory() as spool, tempfile.TemporaryDirectory() as programs:
            os.mkdir(os.path.join(spool, "2"))
            program = os.path.join(programs, "pgbackrest")
            with open(program, "w", encoding="utf-8") as file:
                file.write('#!/bin/sh\ncase $* in *--repo=2*) exit 56 ;; esac\n')
            os.chmod(program, 0o755)
            machine = Machine({"stanza": "main", "spool": spool, "repositories": [1, 2], "peers": None})
            with unittest.mock.patch.dict(os.environ, {"PATH": f"{programs}:{os.environ['PATH']}"}):
                self.assertEqual(make(machine, "full"), 56)
            attempt = machine.read("attempt.json", None)
            self.assertEqual((attempt["status"], attempt["results"]), (56, {"1": 0, "2": 56}))


class Failures(unittest.TestCase):
    both = {"started": 100, "ended": 200, "status": 56, "repositories": [1, 2], "results": {"1": 0, "2": 56}}

    def test_the_one_that_refused_and_no_other(self):
        self.assertEqual(failures(self.both, {1: 150, 2: 50}, False), [2])
        self.assertEqual(failures(self.both, {1: 150, 2: None}, False), [2])

    def test_until_one_is_made_there(self):
        self.assertEqual(failures(self.both, {1: 150, 2: 300}, False), [])
        self.assertEqual(failures(self.both, {1: 150, 2: 50}, True), [])

    def test_one_that_was_killed_failed_where_it_had_not_come_to_its_end(self):
        killed = {**self.both, "ended": None, "status": None, "results": {"1": 0}}
        self.assertEqual(failures(killed, {1: 150, 2: 50}, False), [2])

    def test_another_backup_s_lock_is_no_failure(self):
        self.assertEqual(failures({**self.both, "status": 75, "results": {"1": 0, "2": 50}}, {1: 150, 2: 50}, False), [])

    def test_of_a_program_that_kept_no_results(self):
        before = {"started": 100, "ended": 200, "status": 56, "repositories": [2]}
        self.assertEqual(failures(before, {1: 50, 2: 50}, False), [2])


class Numbers(unittest.TestCase):
    def told(self, state, failing=(), leads=False):
        with tempfile.TemporaryDirectory() as spool:
            os.mkdir(os.path.join(spool, "2"))
            settings = {"stanza": "main", "spool": spool, "repositories": [1, 2], "textfiles": spool}
            machine = Machine(settings)
            for repository in failing:
                open(machine.path("failing", repository), "w", encoding="utf-8").close()
            attempt = {"started": 0, "status": 0}
            with unittest.mock.patch.object(machine, "sql", lambda text: "5|1|3|400"):
                tell(machine, leads, state, {1: ([], True), 2: ([], False)}, attempt, False)
            with open(os.path.join(spool, "phasewise-backup.prom"), encoding="utf-8") as file:
                return file.read()

    def test_a_repository_that_never_answered_has_been_silent_since_it_was_first_asked(self):
        text = self.told({"answers": {"1": 9, "2": 0}, "awaited": {"1": 5, "2": 7}})
        self.assertIn('phasewise_repository_answered_timestamp_seconds{cluster="main",repository="1"} 9\n', text)
        self.assertIn('phasewise_repository_answered_timestamp_seconds{cluster="main",repository="2"} 7\n', text)

    def test_log_waits_for_the_repository_that_refuses_it(self):
        failing = [f'phasewise_archive_failing{{cluster="main",repository="{one}"}}' for one in (1, 2)]
        text = self.told({}, failing=[2], leads=True)
        self.assertIn(f"{failing[0]} 0\n{failing[1]} 1\n", text)
        self.assertIn(f"{failing[0]} 1\n{failing[1]} 1\n", self.told({}, leads=True))

    def test_unknown_values_are_left_out(self):
        text = exposition([("a", "Of a", [({"x": "1"}, 5), ({"x": "2"}, None)]), ("b", "Of b", [({}, None)])])
        self.assertEqual(text, '# HELP a Of a\n# TYPE a gauge\na{x="1"} 5\n')


if __name__ == "__main__":
    unittest.main()
