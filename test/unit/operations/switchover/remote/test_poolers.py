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
    RESUME*) echo resumed >> "{folder}/resumed" ;;
    "SHOW VERSION;") echo 1.24 ;;
    "\\\\echo "*) echo "${{line#* }}" ;;
  esac
done
"""


class Pause(unittest.TestCase):
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
        pooler = Pooler({})
        self.addCleanup(pooler.console.kill)
        return pooler

    def read(self, name):
        with open(os.path.join(self.folder.name, name), encoding="utf-8") as file:
            return file.read().split()

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


if __name__ == "__main__":
    unittest.main()
