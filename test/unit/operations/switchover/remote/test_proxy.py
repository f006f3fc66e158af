"""Proxy against a HAProxy of our own that changes with each look."""

import unittest
from unittest import mock

from proxy import Proxy

HEADER = "# pxname,svname,status,check_status,scur"


class Haproxy(Proxy):
    """Says one after the other of `looks` (rows of the backend `replicas`), the last one for ever."""

    def __init__(self, *looks):
        super().__init__("nowhere")
        self.looks = list(looks)
        self.commands = []

    def ask(self, command):
        if command != "show stat":
            self.commands.append(command)
            return "\n"
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        rows = [f"replicas,{row}" for row in look]
        return "\n".join([HEADER, "primary,db-1,UP,L7OK,3", *rows, "replicas,BACKEND,UP,,0"]) + "\n"


class WatchReaders(unittest.TestCase):
    def setUp(self):
        patch = mock.patch("proxy.time.sleep", lambda _: None)
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_new_primary_gets_no_reads_before_it_is_known_that_it_serves_none(self):
        unwatched, seen, out = "db-1,DRAIN,,0", "db-1,DRAIN,L7STS,0", "db-1,DOWN,L7STS,0"
        proxy = Haproxy([unwatched], [unwatched], [seen], [out])
        proxy.watch_readers(5)
        self.assertEqual(proxy.commands, ["enable health replicas/db-1", "set server replicas/db-1 state ready"])
        self.assertEqual(len(proxy.looks), 1)

    def test_one_that_may_serve_does_so_at_once(self):
        proxy = Haproxy(["db-1,DRAIN,,0"], ["db-1,DRAIN,,0"], ["db-1,DRAIN,L7OK,0"])
        proxy.watch_readers(5)
        self.assertEqual(proxy.commands[-1], "set server replicas/db-1 state ready")

    def test_reads_that_have_begun_there_are_waited_for(self):
        proxy = Haproxy(["db-1,DRAIN,,1"], ["db-1,DRAIN,,1"], ["db-1,DRAIN,,0"], ["db-1,DRAIN,,0"], ["db-1,DOWN,L7STS,0"])
        proxy.watch_readers(5)
        self.assertEqual(len(proxy.looks), 1)
        self.assertEqual(proxy.commands[0], "enable health replicas/db-1")

    def test_others_are_left_alone(self):
        proxy = Haproxy(["db-2,UP,L7OK,4"])
        proxy.watch_readers(5)
        self.assertEqual(proxy.commands, [])


if __name__ == "__main__":
    unittest.main()
