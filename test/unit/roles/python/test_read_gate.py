import time
import unittest

from readGate import FRESH, Gate, Judge


def standby(replayed, end, silence=0.1, replay_age=0.0):
    return (True, replayed, end, silence, replay_age)


class Verdicts(unittest.TestCase):
    def setUp(self):
        self.judge = Judge(5)

    def look(self, *rows, every=1.0):
        """The verdict on the last of several rows, seen one after the other."""
        return [self.judge.verdict(index * every, row) for index, row in enumerate(rows)][-1]

    def test_a_standby_that_has_everything_serves(self):
        self.assertIsNone(self.look(standby(100, 100)))

    def test_a_quiet_primary_makes_no_lag(self):
        self.assertIsNone(self.look(*[standby(100, 100, replay_age=3600.0)] * 60))

    def test_a_standby_that_stands_still_is_closed_when_the_limit_is_passed(self):
        rows = [standby(100, 100)] + [standby(100, 101)] * 10
        verdicts = [self.judge.verdict(index, row) for index, row in enumerate(rows)]
        self.assertEqual(verdicts[6], None)
        self.assertEqual(verdicts[7], "6.0 s behind the primary")

    def test_one_that_follows_at_a_distance_within_the_limit_serves(self):
        self.assertIsNone(self.look(*[standby(100 * second, 100 * (second + 4)) for second in range(30)]))

    def test_one_that_falls_behind_slowly_is_closed(self):
        verdict = self.look(*[standby(50 * second, 100 * second) for second in range(30)])
        self.assertRegex(verdict, "s behind the primary")

    def test_one_that_has_caught_up_serves_again(self):
        self.look(*[standby(100, 200)] * 10)
        self.assertIsNone(self.judge.verdict(11, standby(200, 200)))

    def test_at_the_first_look_the_last_commits_age_counts(self):
        self.assertEqual(self.look(standby(100, 200, replay_age=60.0)), "60.0 s behind the primary")

    def test_a_stream_that_is_silent_or_gone_closes(self):
        self.assertEqual(self.look(standby(100, 100, silence=6.0)), "the primary has been silent for 6.0 s")
        self.assertEqual(Judge(5).verdict(0, standby(100, None, silence=None)), "nothing streams from the primary")

    def test_one_that_finds_its_way_to_a_new_primary_serves_until_the_limit(self):
        rows = [standby(100, 100, silence=0.5)] + [standby(100, None, silence=None)] * 5
        verdicts = [self.judge.verdict(index, row) for index, row in enumerate(rows)]
        self.assertEqual(verdicts[:5], [None] * 5)
        self.assertEqual(verdicts[5], "the primary has been silent for 5.5 s")
        self.assertIsNone(self.judge.verdict(6, standby(120, 120)))

    def test_one_without_a_stream_that_has_not_replayed_what_it_knows_of_is_behind(self):
        rows = [standby(100, 200)] + [standby(150, None, silence=None)] * 4
        for when, row in enumerate(rows):
            self.judge.verdict(when, row)
        self.assertRegex(self.judge.verdict(5.1, standby(150, 200)), "s behind the primary")

    def test_what_a_primary_heard_before_counts_no_more(self):
        self.look(standby(100, 100), (False, None, None, None, None))
        self.assertEqual(self.look(standby(100, None, silence=None)), "nothing streams from the primary")

    def test_the_primary_itself_is_no_standby(self):
        self.assertEqual(self.look((False, None, None, None, None)), "this is the primary")


class Gates(unittest.TestCase):
    def test_is_closed_until_something_is_known_and_when_nothing_was_heard_for_long(self):
        gate = Gate()
        self.assertEqual(gate.closed(), "PostgreSQL has not answered")
        gate.set(None)
        self.assertIsNone(gate.closed())
        gate.when = time.monotonic() - FRESH - 1
        self.assertEqual(gate.closed(), "PostgreSQL has not answered")
        gate.set("because")
        self.assertEqual(gate.closed(), "because")
