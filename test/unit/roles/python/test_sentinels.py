import io
import tempfile
import unittest
from unittest import mock

import sentinels
from sentinels import Connection, Gate, Sentinels, agreed, differences, placed


class Stream:
    """A server that answers what it was told to."""

    def __init__(self, answers):
        self.answers = answers
        self.sent = b""

    def makefile(self, _mode):
        return io.BytesIO(self.answers)

    def sendall(self, data):
        self.sent += data


class Protocol(unittest.TestCase):
    def test_answers_of_all_kinds(self):
        connection = Connection(Stream(b"+OK\r\n:3\r\n$-1\r\n*2\r\n$2\r\nab\r\n*-1\r\n-NOAUTH no\r\n"))
        self.assertEqual(connection.ask("A", "ö"), "OK")
        self.assertEqual(connection.stream.sent, b"*2\r\n$1\r\nA\r\n$2\r\n\xc3\xb6\r\n")
        self.assertEqual([connection.answer() for _ in range(3)], [3, None, ["ab", None]])
        with self.assertRaisesRegex(sentinels.Refused, "NOAUTH no"):
            connection.answer()
        with self.assertRaises(ConnectionError):
            connection.answer()


class Agreement(unittest.TestCase):
    def test_more_than_half_of_all(self):
        self.assertEqual(agreed(["a", "b", "a"], 2), "a")
        self.assertIsNone(agreed(["a", "b"], 2))
        self.assertIsNone(agreed([None, None, "a"], 2))
        self.assertIsNone(agreed([], 2))


CACHES = {"cache": {"primary": "10.0.1.11", "machines": {"core-1": "10.0.1.11", "core-2": "10.0.1.12"}}}


class Gates(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        asked = mock.Mock(spec=Sentinels, addresses=["a", "b", "c"], majority=2)
        with mock.patch.object(sentinels.threading, "Thread"):
            self.gate = Gate(asked, CACHES, folder.name)
        clock = mock.patch.object(sentinels.time, "monotonic", lambda: self.now)
        clock.start()
        self.addCleanup(clock.stop)
        self.now = 100.0

    def say(self, sentinel, address):
        self.gate.views["cache", sentinel] = (self.now, address)

    def serving(self):
        return [name for name in ("core-1", "core-2") if self.gate.serves("cache", name)]

    def test_two_of_three_decide(self):
        self.say("a", "10.0.1.11")
        self.say("b", "10.0.1.12")
        self.say("c", "10.0.1.12")
        self.assertEqual(self.serving(), ["core-2"])

    def test_before_sentinels_have_ever_agreed_the_first_serves(self):
        self.assertEqual(self.serving(), ["core-1"])

    def test_one_that_hears_no_majority_any_more_leads_nobody_anywhere(self):
        self.say("a", "10.0.1.11")
        self.say("b", "10.0.1.11")
        self.assertEqual(self.serving(), ["core-1"])
        self.now += 1
        self.say("a", "10.0.1.11")
        self.now += 1
        self.assertEqual(self.serving(), [])

    def test_nobody_else_is_served(self):
        self.assertFalse(self.gate.serves("cache", "db-1"))
        self.assertFalse(self.gate.serves("other", "core-1"))


class Place(unittest.TestCase):
    def test_one_line_says_whose_replica_it_is(self):
        text = "# own\nreplicaof 10.0.1.11 6380\nmaxmemory 1\n"
        self.assertEqual(placed(text, "10.0.1.12", 6380), "# own\nmaxmemory 1\nreplicaof 10.0.1.12 6380\n")
        self.assertEqual(placed(text, None, 6380), "# own\nmaxmemory 1\n")
        self.assertEqual(placed(placed(text, "10.0.1.12", 6380), "10.0.1.12", 6380), placed(text, "10.0.1.12", 6380))


class Watched:
    """A Sentinel that knows some caches, each with some others."""

    def __init__(self, caches, others):
        self.caches = caches
        self.others = others
        self.asked = []

    def ask(self, *words):
        if words == ("SENTINEL", "MASTERS"):
            return [[word for pair in {"name": name, **cache}.items() for word in pair] for name, cache in self.caches.items()]
        if words[:2] == ("SENTINEL", "SENTINELS"):
            return [["ip", ip, "port", port] for ip, port in self.others]
        self.asked.append(words)
        return "OK"


AS_DECLARED = {"quorum": "2", "down-after-milliseconds": "5000", "failover-timeout": "20000", "parallel-syncs": "1"}
OTHERS = [("10.0.1.12", "26379"), ("10.0.1.21", "26379")]


class Watching(unittest.TestCase):
    def settings(self, primary=None):
        cache = {
            "primary": "10.0.1.11",
            "quorum": 2,
            "user": "sentinel",
            "password": "pw",
            "downAfterMs": 5000,
            "failoverTimeoutMs": 20000,
            "parallelSyncs": 1,
        }
        addresses = ["10.0.1.11", "10.0.1.12", "10.0.1.21"]
        return {"caches": {"cache": cache}, "sentinels": addresses, "port": 6380, "known": lambda _: primary}

    def told(self, sentinel, settings):
        found = differences(sentinel, settings)
        for _, mend in found:
            mend()
        return [text for text, _ in found]

    def test_as_declared_nothing_is_done_wherever_the_primary_is(self):
        sentinel = Watched({"cache": {**AS_DECLARED, "ip": "10.0.1.12"}}, OTHERS)
        self.assertEqual(self.told(sentinel, self.settings()), [])
        self.assertEqual(sentinel.asked, [])

    def test_a_new_one_learns_the_primary_from_the_others(self):
        sentinel = Watched({}, [])
        self.assertEqual(self.told(sentinel, self.settings(primary="10.0.1.12")), ["it does not watch cache"])
        self.assertEqual(sentinel.asked[0], ("SENTINEL", "MONITOR", "cache", "10.0.1.12", "6380", "2"))

    def test_the_first_one_takes_the_declared_primary(self):
        sentinel = Watched({}, [])
        self.told(sentinel, self.settings())
        self.assertEqual(sentinel.asked[0], ("SENTINEL", "MONITOR", "cache", "10.0.1.11", "6380", "2"))

    def test_what_is_not_declared_any_more_is_left(self):
        sentinel = Watched({"cache": AS_DECLARED, "old": AS_DECLARED}, OTHERS)
        self.assertEqual(self.told(sentinel, self.settings()), ["it watches old"])
        self.assertEqual(sentinel.asked, [("SENTINEL", "REMOVE", "old")])

    def test_other_times_are_set(self):
        sentinel = Watched({"cache": {**AS_DECLARED, "down-after-milliseconds": "30000"}}, OTHERS)
        self.assertEqual(self.told(sentinel, self.settings()), ["cache: other down-after-milliseconds"])
        self.assertEqual(sentinel.asked[0][:3], ("SENTINEL", "SET", "cache"))

    def test_votes_that_are_never_given_are_forgotten(self):
        for others in ([*OTHERS, ("10.0.1.12", "0")], [("10.0.1.12", "26379"), ("10.0.1.22", "26379")]):
            sentinel = Watched({"cache": AS_DECLARED}, others)
            self.assertEqual(self.told(sentinel, self.settings()), ["cache: it counts Sentinels that are gone"])
            self.assertEqual(sentinel.asked, [("SENTINEL", "RESET", "cache")])


if __name__ == "__main__":
    unittest.main()
