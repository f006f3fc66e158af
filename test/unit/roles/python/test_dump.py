import datetime
import json
import os
import tempfile
import unittest
from unittest import mock

import dump
from dump import expired, literal, missing, parse, quoted

PREFIX = "dumps/main/"


def at(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp())


def key(database, stamp, size=1000):
    return f"{PREFIX}{database}/{stamp}-{size}.tar.gpg"


class Keys(unittest.TestCase):
    def test_what_a_key_says(self):
        self.assertEqual(
            parse(key("app", "20261121T030000Z", 31457280), PREFIX), ("app", at("2026-11-21T03:00:00"), 31457280)
        )

    def test_keys_of_others(self):
        for other in (
            "dumps/other/app/20261121T030000Z-1.tar.gpg",
            f"{PREFIX}20261121T030000Z-1.tar.gpg",
            f"{PREFIX}app/20261121T030000Z.tar.gpg",
            f"{PREFIX}app/20261121T030000Z-1.tar.gpg.part",
            f"{PREFIX}app/notes.txt",
        ):
            self.assertIsNone(parse(other, PREFIX), other)


class Schedule(unittest.TestCase):
    keys = [key("app", "20261121T030001Z"), key("app", "20261120T030001Z"), key("shop", "20261120T030001Z")]

    def test_each_database_is_due_by_itself(self):
        last = at("2026-11-21T03:00:00")
        self.assertEqual(missing(self.keys, PREFIX, ["app", "shop", "new"], last), ["shop", "new"])
        self.assertEqual(missing([], PREFIX, ["app"], last), ["app"])

    def test_what_is_older_than_its_days_goes_and_nothing_else(self):
        other = f"{PREFIX}app/readme"
        self.assertEqual(expired([*self.keys, other], PREFIX, at("2026-11-27T03:00:00"), 7), [])
        self.assertEqual(expired([*self.keys, other], PREFIX, at("2026-11-27T03:00:02"), 7), self.keys[1:])


class OnTheMachine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        place = {"host": "s3.example.com", "port": 443, "region": "r", "ca": None, "bucket": "b", "keepDays": 7}
        settings = {
            **{"name": "db-2", "maker": "/bin/maker", "databases": ["app", "shop"], "at": 180, "prefix": PREFIX},
            **{"repositories": [place, place], "work": folder.name, "textfiles": "/nowhere", "jobs": 2},
        }
        for name, value in (("settings", settings), ("storage", [{}, {}])):
            with open(f"{folder.name}/{name}.json", "w", encoding="utf-8") as file:
                json.dump(value, file)
        self.machine = dump.Machine(folder.name)

    def test_a_dump_is_put_together_in_an_empty_folder_of_its_own(self):
        with mock.patch("shutil.chown"):
            path = self.machine.folder("dump-app")
            open(f"{path}/left", "w", encoding="utf-8").close()
            self.assertEqual(os.listdir(self.machine.folder("dump-app")), [])

    def asked(self, first, second, maker="db-2"):
        """Which dumps are made where the repositories hold these keys; None for a repository that does not answer."""
        made = []
        held = {number: keys for number, keys in ((1, first), (2, second)) if keys is not None}
        with (
            mock.patch.object(self.machine, "look", lambda: held),
            mock.patch("dump.make", lambda _, wanted: made.append(wanted)),
            mock.patch("subprocess.run", lambda *_, **__: mock.Mock(stdout=f"{maker}\n")),
            mock.patch("time.time", lambda: at("2026-11-21T04:00:00")),
            mock.patch("builtins.print"),
        ):
            dump.due(self.machine)
        return made

    def test_each_repository_gets_what_it_lacks_itself(self):
        both = [key("app", "20261121T030001Z"), key("shop", "20261121T030001Z")]
        self.assertEqual(self.asked(both, both), [])
        self.assertEqual(self.asked(both, both[:1]), [{"app": [], "shop": [2]}])
        self.assertEqual(self.asked(None, []), [{"app": [2], "shop": [2]}])
        self.assertEqual(self.asked([], [], maker="db-1"), [])


class Sql(unittest.TestCase):
    def test_names_are_quoted(self):
        self.assertEqual((quoted('a"b'), literal("a'b")), ('"a""b"', "'a''b'"))


if __name__ == "__main__":
    unittest.main()
