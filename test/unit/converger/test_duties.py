import tempfile
import unittest

from duties import Duties, still_owed, still_pending
from state import State
from units import UnitStatus


def status(active="active", started=100):
    return UnitStatus({"LoadState": "loaded", "ActiveState": active, "InactiveExitTimestampMonotonic": str(started)})


def duty(**changes):
    return {"action": "reload", "unit": "x.service", "path": "/x", "boot": "b1", "usec": 200, **changes}


class Owed(unittest.TestCase):
    def test_a_unit_that_runs_since_before_owes_its_reload(self):
        self.assertEqual(still_owed([duty()], {"x.service": status()}, "b1"), [duty()])

    def test_settled_by_a_start_a_stop_or_a_boot(self):
        self.assertEqual(still_owed([duty()], {"x.service": status(started=300)}, "b1"), [])
        self.assertEqual(still_owed([duty()], {"x.service": status("inactive")}, "b1"), [])
        self.assertEqual(still_owed([duty()], {"x.service": status()}, "b2"), [])

    def test_a_unit_that_is_starting_may_have_read_the_old_file(self):
        self.assertEqual(len(still_owed([duty()], {"x.service": status("activating")}, "b1")), 1)

    def test_a_daemon_reload_is_owed_until_it_is_done(self):
        reload = duty(action="daemon-reload", unit="")
        self.assertEqual(still_owed([reload], {}, "b1"), [reload])
        self.assertEqual(still_owed([reload], {}, "b2"), [])


class Pending(unittest.TestCase):
    entry = {"boot": "b1", "usec": 200, "since": "now", "files": {"/x": "old"}}

    def pending(self, now, boot="b1", digests=None):
        return still_pending({"x.service": self.entry}, {"x.service": now}, boot, digests or {"/x": "new"})

    def test_stays_until_the_unit_has_started_again(self):
        self.assertEqual(list(self.pending(status())), ["x.service"])
        self.assertEqual(self.pending(status(started=300)), {})
        self.assertEqual(self.pending(status("inactive")), {})
        self.assertEqual(self.pending(status(), boot="b2"), {})

    def test_a_file_that_is_as_it_was_at_the_start_needs_no_restart(self):
        self.assertEqual(self.pending(status(), digests={"/x": "old"}), {})

    def test_the_main_process_counts_where_a_unit_restarts_by_itself(self):
        restarted = UnitStatus({
            "LoadState": "loaded",
            "ActiveState": "active",
            "InactiveExitTimestampMonotonic": "100",
            "ExecMainStartTimestampMonotonic": "300",
        })
        self.assertEqual(self.pending(restarted), {})


class Remembered(unittest.TestCase):
    def test_duties_are_on_disk_before_the_write(self):
        with tempfile.TemporaryDirectory() as folder:
            state = State(folder)
            wanted = {
                "path": "/x",
                "onChange": [{"unit": "a.service", "action": "reload"}, {"unit": "b.service", "action": "pending"}],
            }
            Duties(state).before_write(wanted, b"first", True)
            Duties(state).before_write(wanted, b"second", False)
            owed = [(one["action"], one["unit"]) for one in state.load("owed.json", [])]
            self.assertEqual(owed, [("daemon-reload", ""), ("reload", "a.service"), ("reload", "a.service")])
            files = state.load("pending.json", {})["b.service"]["files"]
            self.assertEqual(files, {"/x": state.digest(b"first")})
