import grp
import io
import json
import os
import pwd
import tempfile
import time
import unittest

import files
import launch
import steps
from masking import Mask
from report import Reporter, excerpt, tail
from state import State, write_atomically
from system import Cancelled, Failure, Stop, run

ME = pwd.getpwuid(os.getuid()).pw_name
MY_GROUP = grp.getgrgid(os.getgid()).gr_name


class Folder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.lines = io.StringIO()
        self.reporter = Reporter(self.lines, Mask({"p": "topsecret"}))
        self.writes = []

    def wanted(self, name="x", **changes):
        path = os.path.join(self.folder, name)
        return {"path": path, "owner": ME, "group": MY_GROUP, "mode": "0640", "content": "", **changes}

    def ensure(self, wanted, content=b"hello"):
        return files.ensure_file(wanted, content, self.reporter, self.writes.append)


class Files(Folder):
    def test_written_once_with_its_mode_and_then_left_alone(self):
        wanted = self.wanted("deep/x")
        self.assertEqual(self.ensure(wanted), ["missing"])
        before = os.stat(wanted["path"])
        self.assertEqual(before.st_mode & 0o7777, 0o640)
        self.assertEqual(self.ensure(wanted), [])
        self.assertEqual(os.stat(wanted["path"]).st_ino, before.st_ino)
        self.assertEqual(len(self.writes), 1)

    def test_a_wrong_mode_is_put_right_without_a_rewrite(self):
        wanted = self.wanted()
        self.ensure(wanted)
        os.chmod(wanted["path"], 0o777)
        self.assertEqual(self.ensure(wanted), ["mode"])
        self.assertEqual(len(self.writes), 1)

    def test_what_was_there_is_told_before_the_write(self):
        wanted = self.wanted()
        self.ensure(wanted, b"old")
        self.ensure(wanted, b"new")
        self.assertEqual(self.writes[1].content, b"old")

    def test_a_link_is_replaced_and_its_target_kept(self):
        target = self.wanted("target")
        self.ensure(target, b"precious")
        link = self.wanted("link")
        os.symlink(target["path"], link["path"])
        self.assertEqual(self.ensure(link), ["kind"])
        self.assertEqual(files.read_actual(target["path"]).content, b"precious")
        self.assertFalse(os.path.islink(link["path"]))

    def test_a_directory_in_the_place_of_a_file_is_left_alone(self):
        wanted = self.wanted()
        os.mkdir(wanted["path"])
        with self.assertRaisesRegex(Failure, "should be a file but is a directory; it was left as it is"):
            self.ensure(wanted)

    def test_a_seed_file_is_written_where_nothing_is_and_never_again(self):
        wanted = self.wanted(seed=True)
        self.ensure(wanted, b"seed")
        with open(wanted["path"], "wb") as file:
            file.write(b"its own")
        self.assertEqual(self.ensure(wanted, b"another seed"), [])

    def test_an_unknown_owner_is_named(self):
        with self.assertRaisesRegex(Failure, "the machine has no user nobody-at-all"):
            self.ensure(self.wanted(owner="nobody-at-all"))

    def test_no_temporary_file_is_left_after_a_failure(self):
        with self.assertRaises(OverflowError):
            write_atomically(os.path.join(self.folder, "x"), b"x", 0o600, (2**33, 0))
        self.assertEqual(os.listdir(self.folder), [])

    def test_directories(self):
        wanted = self.wanted("a/b", mode="0700")
        self.assertTrue(files.ensure_directory(wanted, self.reporter))
        self.assertFalse(files.ensure_directory(wanted, self.reporter))
        os.chmod(wanted["path"], 0o755)
        self.assertTrue(files.ensure_directory(wanted, self.reporter))
        self.assertEqual(os.stat(wanted["path"]).st_mode & 0o7777, 0o700)


class Steps(Folder):
    def step(self, probe, act):
        return {"name": "a step", "probe": probe.replace("DIR", self.folder), "act": act.replace("DIR", self.folder)}

    def test_acts_only_where_the_probe_asks_for_it(self):
        step = self.step("test -e DIR/done", "echo x >> DIR/done")
        steps.run_step(step, self.reporter, Stop())
        steps.run_step(step, self.reporter, Stop())
        self.assertEqual(files.read_actual(f"{self.folder}/done").content, b"x\n")

    def test_stops_at_the_first_command_that_fails(self):
        with self.assertRaises(Failure) as raised:
            steps.run_step(self.step("test -e DIR/done", "echo before; false; touch DIR/done"), self.reporter, Stop())
        self.assertEqual(raised.exception.message, 'step "a step" failed (exit code 1)')
        self.assertEqual(raised.exception.output, "before\n")

    def test_an_act_that_does_not_help_is_a_failure(self):
        with self.assertRaisesRegex(Failure, "ran, but its probe still fails"):
            steps.run_step(self.step("false", "true"), self.reporter, Stop())

    def test_a_program_past_its_time_is_killed_with_its_children(self):
        begin = time.monotonic()
        done = run(["sh", "-c", "sleep 60 & sleep 60"], timeout=0.2)
        self.assertEqual(done.code, 124)
        self.assertLess(time.monotonic() - begin, 5)

    def test_stopping(self):
        stop = Stop()
        stop.check()
        stop.requested = True
        with self.assertRaises(Cancelled):
            stop.check()
        with self.assertRaisesRegex(Failure, r"not done after 0.001 s \(deadlineSeconds\)"):
            late = Stop(0.001)
            time.sleep(0.01)
            late.check()


class Reports(Folder):
    def test_secrets_are_masked(self):
        self.reporter.role = "base"
        self.reporter.progress("password topsecret")
        line = json.loads(self.lines.getvalue())
        self.assertEqual(line, {"event": "progress", "role": "base", "message": "password [secret]"})

    def test_the_last_lines(self):
        self.assertEqual(tail("a\n\nb\nc\n", 2), ["b", "c"])


class Journals(unittest.TestCase):
    def test_the_cause_is_found_among_the_noise_of_restarts(self):
        def round_of(number):
            return [
                f"2026-11-21T08:17:0{number}+00:00 core-1 systemd[1]: Started patroni.service.",
                f"2026-11-21T08:17:0{number}+00:00 core-1 postgres[{number}]: FATAL:  could not map shared memory",
                f"2026-11-21T08:17:0{number}+00:00 core-1 patroni[{number}]: Traceback (most recent call last):",
                f'2026-11-21T08:17:0{number}+00:00 core-1 patroni[{number}]:   File "ha.py", in fail',
                f"2026-11-21T08:17:0{number}+00:00 core-1 systemd[1]: patroni.service: Failed with result 'exit-code'.",
            ]

        lines = [*round_of(1), *round_of(2), *[f"2026-11-21T08:17:03+00:00 core-1 patroni[3]: INFO: {n}" for n in range(6)]]
        self.assertEqual(excerpt(lines), [lines[6], *lines[-6:]])

    def test_a_short_journal_is_shown_whole(self):
        self.assertEqual(excerpt(["a", "b"]), ["a", "b"])
        self.assertEqual(excerpt([]), [])


class States(Folder):
    def test_digests_are_keyed(self):
        state, other = State(self.folder), State(tempfile.mkdtemp(dir=self.folder))
        self.assertEqual(state.digest(b"x"), State(self.folder).digest(b"x"))
        self.assertNotEqual(state.digest(b"x"), other.digest(b"x"))

    def test_an_unchanged_value_is_not_written(self):
        state = State(self.folder)
        state.save("record.json", {"a": 1})
        before = os.stat(f"{self.folder}/record.json").st_ino
        state.save("record.json", {"a": 1})
        self.assertEqual(os.stat(f"{self.folder}/record.json").st_ino, before)


class Launcher(Folder):
    def test_a_run_is_named_by_all_that_it_depends_on(self):
        launch.STATE_FOLDER = self.folder
        request = {"version": "1", "payload": {"mode": "converge", "secrets": {"a": "1"}}}
        name = launch.digest(request)
        self.assertEqual(launch.digest(json.loads(json.dumps(request))), name)
        self.assertNotEqual(launch.digest({**request, "version": "2"}), name)
        other = {"version": "1", "payload": {"mode": "converge", "secrets": {"a": "2"}}}
        self.assertNotEqual(launch.digest(other), name)
        self.assertEqual(os.stat(f"{self.folder}/launch.key").st_mode & 0o777, 0o600)

    def test_an_interrupted_installation_is_made_again(self):
        launch.STATE_FOLDER = self.folder
        os.makedirs(f"{self.folder}/converger/new")
        os.makedirs(f"{self.folder}/converger/old")
        folder = launch.install("v1", {"a.py": "x = 1\n"})
        self.assertEqual(os.listdir(f"{self.folder}/converger"), ["v1"])
        self.assertEqual(os.listdir(folder), ["a.py"])
