import datetime
import unittest

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


class Sql(unittest.TestCase):
    def test_names_are_quoted(self):
        self.assertEqual((quoted('a"b'), literal("a'b")), ('"a""b"', "'a''b'"))


if __name__ == "__main__":
    unittest.main()
