import unittest

from record import EMPTY, after, dropped, merged, wanted_record


def role(name, files=(), units=(), hold=()):
    return {
        "name": name,
        "files": [{"path": path, **options} for path, options in files],
        "units": [{"name": unit, "stateful": stateful} for unit, stateful in units],
        "hold": list(hold),
    }


def record(*roles):
    return wanted_record({"roles": list(roles)})


class Dropped(unittest.TestCase):
    def test_nothing_is_dropped_from_nothing(self):
        self.assertEqual(
            dropped(EMPTY, record(role("a", [("/a", {})]))), {"units": [], "files": {}, "holds": [], "roles": []}
        )

    def test_stateless_units_files_and_holds_are(self):
        old = record(role("web", [("/web", {"onChange": []}), ("/kept", {})], [("web.service", False)], ["nginx"]))
        gone = dropped(old, record(role("web", [("/kept", {})])))
        self.assertEqual(gone["units"], ["web.service"])
        self.assertEqual(list(gone["files"]), ["/web"])
        self.assertEqual(gone["holds"], ["nginx"])
        self.assertEqual(gone["roles"], [])

    def test_a_role_with_a_stateful_unit_is_kept_whole(self):
        old = record(
            role("database", [("/db.conf", {})], [("db.service", True), ("db-helper.timer", False)], ["db"]),
            role("web", [("/web", {})], [("web.service", False)]),
        )
        gone = dropped(old, record())
        self.assertEqual(gone["roles"], ["database"])
        self.assertEqual(gone["units"], ["web.service"])
        self.assertEqual(list(gone["files"]), ["/web"])
        self.assertEqual(gone["holds"], [])

    def test_it_stays_remembered_until_it_comes_back(self):
        old = record(role("database", [("/db.conf", {})], [("db.service", True)], ["db"]))
        kept = after(old, record())
        self.assertEqual(kept, old)
        self.assertEqual(dropped(kept, record())["roles"], ["database"])

    def test_seed_files_stay(self):
        old = record(role("cache", [("/seed", {"seed": True})], [("cache.service", False)]))
        self.assertEqual(dropped(old, record())["files"], {})

    def test_a_unit_that_moves_to_another_role_is_not_dropped(self):
        old = record(role("a", [], [("x.service", True)]))
        gone = dropped(old, record(role("b", [], [("x.service", True)])))
        self.assertEqual((gone["units"], gone["roles"]), ([], []))


class Merged(unittest.TestCase):
    def test_a_killed_run_forgets_neither_old_nor_new(self):
        old, new = record(role("a", [("/a", {})], [], ["x"])), record(role("b", [("/b", {})], [], ["y"]))
        both = merged(old, new)
        self.assertEqual(sorted(both["files"]), ["/a", "/b"])
        self.assertEqual(both["holds"], ["x", "y"])
        self.assertEqual(list(dropped(both, new)["files"]), ["/a"])
