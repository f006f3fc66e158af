import contextlib
import datetime
import io
import json
import os
import tempfile
import unittest
from unittest import mock

from dailyCopies import Copier, alone, appointment, exposition, obey, seconds_of, stamp_of
from objectStore import Failed

PLACE = {"host": "s3.example.com", "port": 443, "region": "r", "ca": None, "keepDays": 7}


def at(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp())


class Moments(unittest.TestCase):
    def test_the_last_appointment(self):
        self.assertEqual(appointment(at("2026-11-21T02:30:00"), 150), at("2026-11-21T02:30:00"))
        self.assertEqual(appointment(at("2026-11-21T02:29:59"), 150), at("2026-11-20T02:30:00"))
        self.assertEqual(appointment(at("2026-11-21T23:59:59"), 150), at("2026-11-21T02:30:00"))

    def test_a_stamp_there_and_back(self):
        self.assertEqual(seconds_of("20261121T023000Z"), at("2026-11-21T02:30:00"))
        self.assertEqual(stamp_of(at("2026-11-21T02:30:00")), "20261121T023000Z")
        with self.assertRaises(ValueError):
            seconds_of("yesterday")


class Upload:
    """Of a storage that refuses at a step: "begin", "add" or "finish"."""

    def __init__(self, store, key):
        self.store, self.key, self.size, self.sent = store, key, 0, b""
        self.refused("begin")

    def refused(self, step):
        if self.store.broken == step:
            raise Failed(f"refuses {step}")

    def add(self, part):
        self.refused("add")
        self.sent += part
        self.size = len(self.sent)

    def finish(self):
        self.refused("finish")
        self.store.objects[self.key] = self.sent

    def abandon(self):
        self.store.abandoned.append(self.key)


class Store:
    def __init__(self, broken=""):
        self.broken, self.objects, self.abandoned, self.removed = broken, {}, [], []

    def list(self):
        if self.broken:
            raise Failed("does not answer")
        return sorted(self.objects)

    def request(self, method, key):
        self.removed.append((method, key))


class Copies(Copier):
    def moments(self, keys):
        return {"app": max(map(len, keys))} if keys else {}


class Repositories(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        settings = {
            "prefix": "dumps/main/",
            "repositories": [{**PLACE, "bucket": "one"}, {**PLACE, "bucket": "two", "keepDays": 30}],
            "textfiles": f"{self.folder}/metrics",
        }
        keys = [{"accessKey": "a", "secretKey": "b"}, {"accessKey": "c", "secretKey": "d"}]
        for name, value in (("settings", settings), ("storage", keys)):
            with open(f"{self.folder}/{name}.json", "w", encoding="utf-8") as file:
                json.dump(value, file)
        os.mkdir(settings["textfiles"])
        self.made = 0

    def copier(self, *broken):
        copier = Copies(self.folder)
        self.assertEqual(
            [(store.settings["bucket"], store.keys["accessKey"]) for store in copier.stores.values()],
            [("one", "a"), ("two", "c")],
        )
        copier.stores = {number: Store(step) for number, step in enumerate(broken, 1)}
        return copier

    @contextlib.contextmanager
    def stream(self):
        self.made += 1
        yield io.BytesIO(b"x" * 10)

    def put(self, copier):
        with mock.patch("dailyCopies.Upload", Upload), mock.patch("dailyCopies.PART", 4), mock.patch("builtins.print"):
            return copier.put([1, 2], "dumps/main/key", self.stream)

    def test_a_copy_is_made_once_and_goes_to_each(self):
        copier = self.copier("", "")
        self.assertEqual((self.put(copier), self.made), ([1, 2], 1))
        for store in copier.stores.values():
            self.assertEqual(store.objects, {"dumps/main/key": b"x" * 10})
        copier.report(lambda: None)

    def test_one_that_refuses_at_any_step_keeps_it_from_no_other_and_fails_the_run(self):
        for step in ("begin", "add", "finish"):
            for broken in ((step, ""), ("", step)):
                with self.subTest(broken=broken):
                    copier = self.copier(*broken)
                    lost = broken.index(step) + 1
                    self.assertEqual(self.put(copier), [3 - lost])
                    self.assertEqual(copier.stores[lost].objects, {})
                    self.assertEqual(copier.stores[3 - lost].objects, {"dumps/main/key": b"x" * 10})
                    self.assertEqual(copier.stores[3 - lost].abandoned, [])
                    with self.assertRaisesRegex(Failed, f"^repository {lost}: refuses {step}$"):
                        copier.report(lambda: None)

    def test_where_none_takes_it_it_is_not_made(self):
        copier = self.copier("begin", "begin")
        self.assertEqual((self.put(copier), self.made), ([], 0))
        with self.assertRaisesRegex(Failed, "repository 1: refuses begin\nrepository 2: refuses begin"):
            copier.report(lambda: None)

    def test_what_is_not_whole_is_shown_nowhere(self):
        copier = self.copier("", "")

        @contextlib.contextmanager
        def cut():
            with self.stream() as stream:
                yield stream
            raise Failed("pg_dump ended")

        with mock.patch("dailyCopies.Upload", Upload), self.assertRaisesRegex(Failed, "pg_dump ended"):
            copier.put([1, 2], "dumps/main/key", cut)
        for store in copier.stores.values():
            self.assertEqual((store.objects, store.abandoned), ({}, ["dumps/main/key"]))

    def test_each_keeps_copies_for_its_own_time(self):
        copier = self.copier("", "")
        for store in copier.stores.values():
            store.objects = {"old": b"", "new": b""}
        with mock.patch("builtins.print"):
            copier.expire([1, 2], lambda keys, days: [key for key in keys if key == "old" and days == 7])
        self.assertEqual([store.removed for store in copier.stores.values()], [[("DELETE", "old")], []])

    def test_prometheus_is_told_of_each(self):
        copier = self.copier("", "list")
        copier.stores[1].objects = {"four": b""}
        with self.assertRaisesRegex(Failed, "^repository 2: does not answer$"):
            copier.report(copier.look)
        with open(f"{self.folder}/metrics/phasewise-copies-dumps-main.prom", encoding="utf-8") as file:
            lines = [line for line in file.read().splitlines() if not line.startswith("#")]
        self.assertRegex(lines.pop(0), r'^phasewise_copy_asked_timestamp_seconds\{copy="dumps/main"\} \d+$')
        self.assertEqual(
            lines,
            [
                'phasewise_copy_failed{copy="dumps/main",repository="1"} 0',
                'phasewise_copy_failed{copy="dumps/main",repository="2"} 1',
                'phasewise_copy_newest_timestamp_seconds{copy="dumps/main",of="app",repository="1"} 4',
            ],
        )

    def test_what_failed_before_any_repository_was_asked_counts_for_all(self):
        copier = self.copier("", "")

        def broken():
            raise Failed("Redis does not answer")

        with self.assertRaisesRegex(Failed, "Redis"):
            copier.report(broken)
        with open(f"{self.folder}/metrics/phasewise-copies-dumps-main.prom", encoding="utf-8") as file:
            self.assertEqual(file.read().count("} 1\n"), 2)

    def test_a_repository_that_somebody_names_is_one_of_them(self):
        copier = self.copier("", "")
        self.assertIs(copier.store(2), copier.stores[2])
        with self.assertRaisesRegex(Failed, "^there is no repository 3$"):
            copier.store(3)

    def test_one_repository_is_not_numbered(self):
        copier = self.copier("begin")
        copier.fail(1, "refused")
        with self.assertRaisesRegex(Failed, "^refused$"):
            copier.report(lambda: None)


class Alone(unittest.TestCase):
    def test_a_second_one_is_told_and_fails_nothing(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch("sys.stderr", io.StringIO()) as told:
            inner = []
            status = alone(f"{folder}/lock", "dump", lambda: inner.append(alone(f"{folder}/lock", "dump", None)))
            self.assertEqual((status, inner), (0, [75]))
            self.assertEqual(told.getvalue(), "another dump is being made or restored\n")


class Arguments(unittest.TestCase):
    def obeyed(self, act):
        with tempfile.TemporaryDirectory() as folder, mock.patch("sys.stderr", io.StringIO()) as told:
            return obey(act, "how it is used", f"{folder}/lock", "dump"), told.getvalue()

    def test_what_means_nothing_is_told_and_does_nothing(self):
        self.assertEqual(self.obeyed(None), (2, "how it is used\n"))

    def test_what_fails_is_told_as_one_line(self):
        copier = mock.Mock(side_effect=Failed("there is no repository 3"))
        self.assertEqual(self.obeyed(copier), (1, "there is no repository 3\n"))
        self.assertEqual(self.obeyed(lambda: None), (0, ""))


class Numbers(unittest.TestCase):
    def test_nothing_known_is_left_out(self):
        text = exposition("redis/cache", {1: {}}, {1: False}, 5.5)
        self.assertIn('phasewise_copy_asked_timestamp_seconds{copy="redis/cache"} 5\n', text)
        self.assertNotIn("newest", text)


if __name__ == "__main__":
    unittest.main()
