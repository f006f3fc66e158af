"""Pooler.pause against a psql of our own that answers as a PgBouncer where transactions do not end."""

import os
import stat
import tempfile
import time
import unittest
from unittest import mock

from console import Refused
from poolers import Pooler

PSQL = """#!/bin/sh
echo $$ >> "{folder}/consoles"
while read -r line; do
  case "$line" in
    PAUSE*) {pause} ;;
    RELOAD*) cat "{folder}/databases" >> "{folder}/read"; echo >> "{folder}/read" ;;
    RESUME*) echo resumed >> "{folder}/resumed" ;;
    "SHOW VERSION;") echo 1.24 ;;
    "\\\\echo "*) echo "${{line#* }}" ;;
  esac
done
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def pooler(self, pause):
        path = os.path.join(self.folder.name, "psql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(PSQL.format(folder=self.folder.name, pause=pause))
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        patch = mock.patch.object(Pooler, "login", lambda _: [path])
        patch.start()
        self.addCleanup(patch.stop)
        databases = os.path.join(self.folder.name, "databases")
        with open(databases, "w", encoding="utf-8") as file:
            file.write("before")
        pooler = Pooler({"databases": databases})
        self.addCleanup(pooler.console.kill)
        return pooler

    def read(self, name):
        with open(os.path.join(self.folder.name, name), encoding="utf-8") as file:
            return file.read().split()


class Pause(Case):
    def test_a_pause_that_is_never_answered_is_given_up_in_time(self):
        pooler = self.pooler("exec sleep 60")
        begin = time.monotonic()
        with self.assertRaisesRegex(Refused, r"^a transaction did not end within 0\.2 s$"):
            pooler.pause(0.2, 20)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(self.read("resumed"), ["resumed"])
        self.assertFalse(pooler.held.is_set())
        # What waited is gone, and the console that serves from now on answers.
        with self.assertRaises(ProcessLookupError):
            os.kill(int(self.read("consoles")[0]), 0)
        self.assertEqual(pooler.console.run("SHOW VERSION"), "1.24")

    def test_clients_are_held_until_they_are_let_go_or_the_limit(self):
        pooler = self.pooler(":")
        pooler.pause(5, 0.3)
        self.assertTrue(pooler.held.is_set())
        time.sleep(1)
        self.assertFalse(pooler.held.is_set())
        self.assertEqual(self.read("resumed"), ["resumed"])

    def test_what_pgbouncer_refuses_is_told(self):
        pooler = self.pooler('echo "ERROR: not today"')
        with self.assertRaisesRegex(Refused, "not today"):
            pooler.pause(5, 20)


class Lead(Case):
    def held(self):
        pooler = self.pooler(":")
        pooler.pause(5, 20)
        return pooler

    def test_it_is_read_while_clients_are_held_and_need_not_be_read_again(self):
        pooler = self.held()
        pooler.lead("new")
        self.assertEqual(self.read("read"), ["new"])
        # A pooler that starts again now leads to where it was.
        self.assertEqual(self.read("databases"), ["before"])
        pooler.point("new")
        self.assertEqual(self.read("read"), ["new"])
        self.assertEqual(self.read("databases"), ["new"])
        self.assertEqual(self.read("resumed"), ["resumed"])
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["consoles", "databases", "psql", "read", "resumed"])

    def test_elsewhere_is_read_anew(self):
        pooler = self.held()
        pooler.lead("new")
        pooler.point("old")
        self.assertEqual(self.read("read"), ["new", "old"])
        self.assertEqual(self.read("databases"), ["old"])

    def test_whoever_lets_clients_go_leads_them_back(self):
        for let_go in (Pooler.resume, Pooler.release):
            pooler = self.held()
            pooler.lead("new")
            let_go(pooler)
            self.assertEqual(self.read("read")[-2:], ["new", "before"])
            self.assertEqual(self.read("resumed")[-1:], ["resumed"])

    def test_one_that_was_killed_while_its_pooler_read_is_put_right(self):
        pooler = self.held()
        os.link(os.path.join(self.folder.name, "databases"), os.path.join(self.folder.name, "databases.before"))
        pooler.lead("new")
        self.assertEqual(self.read("databases"), ["before"])
        self.assertNotIn("databases.before", os.listdir(self.folder.name))

    def test_clients_that_are_not_held_are_led_nowhere(self):
        pooler = self.pooler(":")
        pooler.lead("new")
        self.assertNotIn("read", os.listdir(self.folder.name))


if __name__ == "__main__":
    unittest.main()
