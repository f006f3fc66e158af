import os
import tempfile
import unittest

from patroniBootstrap import choose, directory_state, labels, repository


def info(code, backups=(), name="main"):
    return [{"name": name, "status": {"code": code, "message": "m"}, "backup": list(backups)}]


class Labels(unittest.TestCase):
    def test_newest_first_without_those_that_have_errors(self):
        backups = [{"label": "1F"}, {"label": "1F_2D", "error": True}, {"label": "1F_3D", "error": False}]
        self.assertEqual(labels(info(0, backups), "main"), ["1F_3D", "1F"])

    def test_a_repository_that_is_known_to_hold_none(self):
        self.assertEqual(labels([], "main"), [])
        self.assertEqual(labels(info(1), "main"), [])
        self.assertEqual(labels(info(2), "main"), [])
        self.assertEqual(labels(info(0, [{"label": "1F"}], name="other"), "main"), [])

    def test_a_repository_that_does_not_say_is_never_taken_for_an_empty_one(self):
        for code in (3, 4, 5, 6, 99):
            with self.assertRaisesRegex(RuntimeError, "does not say"):
                labels(info(code), "main")


class Repositories(unittest.TestCase):
    def tried(self, *answers):
        def ask(_stanza, number):
            answer = answers[number - 1]
            if answer is None:
                raise RuntimeError("gone")
            return answer

        return repository("main", range(1, len(answers) + 1), ask)

    def test_the_first_one_comes_first(self):
        self.assertEqual(self.tried(["2F", "1F"], ["3F"]), [(1, "2F"), (1, "1F"), (2, "3F")])

    def test_one_that_is_gone_or_empty_leaves_it_to_the_other(self):
        self.assertEqual(self.tried(None, ["3F"]), [(2, "3F")])
        self.assertEqual(self.tried([], ["3F"]), [(2, "3F")])

    def test_where_one_is_silent_nobody_says_that_there_are_no_backups(self):
        with self.assertRaisesRegex(RuntimeError, "^repository 1: gone$"):
            self.tried(None, [])
        with self.assertRaisesRegex(RuntimeError, "^gone$"):
            self.tried(None)
        self.assertEqual(self.tried([], []), [])


class Choose(unittest.TestCase):
    def never(self):
        self.fail("the repository need not be asked")

    def test_data_that_is_there_stays(self):
        for initialized in (None, False, True):
            self.assertEqual(choose("whole", initialized, self.never), "keep")

    def test_a_member_of_a_cluster_that_runs_copies_from_it(self):
        self.assertEqual(choose("empty", True, self.never), "keep")

    def test_without_data_the_repository_decides(self):
        for initialized in (None, False):
            self.assertEqual(choose("empty", initialized, lambda: ["1F"]), "restore")
            self.assertEqual(choose("empty", initialized, lambda: []), "make")

    def test_another_cluster_s_data_stand_in_for_a_new_database_alone(self):
        for initialized in (None, False):
            self.assertEqual(choose("empty", initialized, lambda: [], origin=True), "restore")
        self.assertEqual(choose("empty", True, self.never, origin=True), "keep")
        self.assertEqual(choose("whole", False, self.never, origin=True), "keep")
        self.assertEqual(choose("cut", False, self.never, origin=True), "again")

    def test_a_repository_that_does_not_say_keeps_another_cluster_s_data_out(self):
        def unknown():
            raise RuntimeError("it does not say what it holds")

        with self.assertRaisesRegex(RuntimeError, "does not say"):
            choose("empty", False, unknown, origin=True)

    def test_a_restore_that_was_cut_off(self):
        self.assertEqual(choose("cut", False, self.never), "again")
        # The cluster was made meanwhile, by another member: Patroni's business.
        self.assertEqual(choose("cut", True, self.never), "keep")
        self.assertEqual(choose("cut", None, self.never), "wait")


class DirectoryState(unittest.TestCase):
    def state(self, *files):
        with tempfile.TemporaryDirectory() as folder:
            for name in files:
                path = os.path.join(folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                open(path, "w").close()
            return directory_state(folder)

    def test_states(self):
        self.assertEqual(self.state(), "empty")
        self.assertEqual(directory_state("/nowhere/at/all"), "empty")
        self.assertEqual(self.state("backup.manifest", "base/1/2"), "cut")
        self.assertEqual(self.state("global/pg_control", "recovery.signal"), "cut")
        self.assertEqual(self.state("global/pg_control", "PG_VERSION"), "whole")
        self.assertEqual(self.state("global/pg_control", "standby.signal"), "whole")
        self.assertEqual(self.state("global/pg_control", "backup.manifest"), "whole")
        self.assertEqual(self.state("base/1/2"), "whole")


if __name__ == "__main__":
    unittest.main()
