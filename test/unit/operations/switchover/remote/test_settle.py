import contextlib
import io
import json
import unittest

from cutover import SETTLE_TRIES, Cutover, settle
from link import Failed


class Machine:
    """An agent that notes what it is asked; `fails` names the requests that it refuses, or "all"."""

    def __init__(self, name, notes, promoted=False, fails=()):
        self.name, self.notes, self.promoted, self.fails = name, notes, promoted, fails

    def post(self, path, **body):
        if "all" in self.fails:
            raise OSError("no route to host")
        if path in self.fails:
            raise Failed("refused")
        texts = body.get("texts")
        self.notes.append(f"{self.name}: {path.split('/')[-1]}" + (f" {texts}" if texts else ""))
        return {"promoted": self.promoted}


class Patronis:
    def __init__(self, notes, leads=True):
        self.notes, self.leads, self.paused = notes, leads, False

    def await_leader(self, name):
        if not self.leads:
            raise Failed(f"{name} does not hold the leader's key")
        self.notes.append(f"{name} leads")

    def go_on(self):
        self.notes.append("Patroni goes on")


def settled(stage, promoted=False, new=(), old=(), leads=True, method="direct"):
    """What `settle` does after a run that came to a stage."""
    notes, marks = [], []
    cutover = Cutover.__new__(Cutover)
    cutover.settings = {
        "old": {"name": "old"},
        "new": {"name": "new"},
        "method": method,
        "databases": {"old": "at old", "new": "at new", "proxy": "by the proxy"},
    }
    cutover.old = Machine("old", notes, fails=old)
    cutover.new = Machine("new", notes, promoted, new)
    cutover.gateways = [Machine("gateway", notes)]
    cutover.patronis = Patronis(notes, leads)
    cutover.stage = lambda: stage
    cutover.mark = marks.append
    cutover.settle()
    return notes, (marks or [None])[-1]


class Settle(unittest.TestCase):
    def test_what_has_ended_is_left_alone(self):
        for stage in ("done", "turned back", "nothing"):
            self.assertEqual(settled(stage), ([], None))

    def test_what_was_refused_before_it_began_has_ended_too(self):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            settled("nothing")
        self.assertEqual(json.loads(said.getvalue()), {"done": False})

    def test_the_new_primary_serves_where_it_was_promoted(self):
        for stage, promoted in (("promoting", True), ("moved", True), ("stopping", True)):
            notes, mark = settled(stage, promoted)
            self.assertIn("gateway: point at new", notes)
            self.assertLess(notes.index("gateway: point at new"), notes.index("new leads"))
            self.assertNotIn("old: start", notes)
            self.assertEqual(mark, "done")

    def test_the_old_primary_is_started_again_where_it_was_stopped_for_nothing(self):
        for stage in ("stopping", "promoting"):
            notes, mark = settled(stage)
            self.assertLess(notes.index("new: revoke"), notes.index("old: start"))
            self.assertLess(notes.index("old: start"), notes.index("gateway: point at old"))
            self.assertLess(notes.index("old leads"), notes.index("Patroni goes on"))
            self.assertEqual(mark, "turned back")

    def test_nobody_is_started_where_the_new_one_may_have_been_promoted(self):
        notes, mark = settled("promoting", new=("all",))
        self.assertNotIn("old: start", notes)
        self.assertEqual(notes[:2], ["Patroni goes on", "gateway: point by the proxy"])
        self.assertEqual(mark, "turned back")

    def test_one_that_was_never_asked_to_lead_need_not_answer(self):
        notes, _ = settled("stopping", new=("all",))
        self.assertIn("old: start", notes)

    def test_before_the_stop_nobody_is_started(self):
        for stage in ("pausing", "holding"):
            notes, mark = settled(stage)
            self.assertNotIn("old: start", notes)
            self.assertIn("Patroni goes on", notes)
            self.assertIn("gateway: point by the proxy", notes)
            self.assertEqual(mark, "turned back")

    def test_patroni_chooses_where_the_old_one_does_not_start_or_nobody_leads(self):
        for given in ({"old": ("/database/start",)}, {"leads": False}):
            notes, mark = settled("stopping", **given)
            self.assertLess(notes.index("Patroni goes on"), notes.index("gateway: point by the proxy"))
            self.assertEqual(mark, "turned back")

    def test_a_new_primary_that_lost_its_place_leaves_it_to_patroni(self):
        notes, mark = settled("moved", leads=False)
        self.assertIn("Patroni goes on", notes)
        self.assertEqual(mark, "turned back")

    def test_patronis_own_move_is_never_undone_by_hand(self):
        notes, mark = settled("switching", method="patroni")
        self.assertNotIn("old: start", notes)
        self.assertIn("gateway: point by the proxy", notes)
        self.assertEqual(mark, "turned back")


class Again(unittest.TestCase):
    class Busy:
        def __init__(self, failures):
            self.failures, self.tries = failures, 0

        def settle(self):
            self.tries += 1
            if self.tries <= self.failures:
                raise TimeoutError("timed out")

    def test_a_machine_that_is_too_busy_is_asked_again(self):
        busy = self.Busy(2)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            settle(busy, pause=0)
        self.assertEqual(busy.tries, 3)
        again = [json.loads(line) for line in said.getvalue().splitlines()]
        self.assertEqual(again, [{"doing": "settle", "again": "timed out"}] * 2)

    def test_and_at_last_the_failure_is_told(self):
        busy = self.Busy(SETTLE_TRIES)
        with contextlib.redirect_stdout(io.StringIO()), self.assertRaises(TimeoutError):
            settle(busy, pause=0)
        self.assertEqual(busy.tries, SETTLE_TRIES)

if __name__ == "__main__":
    unittest.main()
