import base64
import json
import unittest

from link import Failed
from members import Members
from patronis import Patronis

PREFIX = "/phasewise/main/members/"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Cluster:
    """The members' Patronis and etcd; a member's round, which writes its key, is made when `rounds` says so."""

    def __init__(self, *names, acting=False):
        self.configured = acting
        self.said = {name: acting for name in names}
        self.asked, self.patches = 0, []

    def rounds(self, asked):
        """Which members make a round before etcd is asked for the n-th time; all of them where nothing else is said."""
        return self.said

    def patronis(self):
        links = {name: Rest(self, name) for name in self.said}
        return Patronis(links, Members({"core-1": Etcd(self)}, PREFIX))


class Rest:
    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name

    def request(self, method, path, body=None):
        if method == "PATCH":
            self.cluster.configured = body["pause"]
            self.cluster.patches.append(body["pause"])
            return {}
        # Patroni tells what has been read of the configuration, not what its rounds know.
        return {"pause": self.cluster.configured}


class Etcd:
    def __init__(self, cluster):
        self.cluster = cluster

    def request(self, method, path, body=None):
        cluster = self.cluster
        cluster.asked += 1
        for name in list(cluster.rounds(cluster.asked)):
            cluster.said[name] = cluster.configured
        wanted = {"key": encoded(PREFIX), "range_end": encoded("/phasewise/main/members0")}
        if (path, body) != ("/v3/kv/range", wanted):
            raise AssertionError(f"{path} {body}")
        says = lambda paused: json.dumps({"state": "running", **({"pause": True} if paused else {})})
        kvs = [{"key": encoded(PREFIX + name), "value": encoded(says(said))} for name, said in cluster.said.items()]
        return {"header": {}, "kvs": kvs}


class Pause(unittest.TestCase):
    def test_lasts_until_every_member_acts_so_whatever_its_rest_api_says(self):
        cluster = Cluster("db-1", "db-2")
        # db-2 makes its first round as the twelfth question comes.
        cluster.rounds = lambda asked: ["db-1", "db-2"] if asked > 11 else ["db-1"]
        cluster.patronis().pause()
        self.assertEqual(cluster.said, {"db-1": True, "db-2": True})
        self.assertGreater(cluster.asked, 11)

    def test_is_not_taken_from_an_earlier_one_that_a_member_has_not_yet_left(self):
        cluster = Cluster("db-1", "db-2", acting=True)
        cluster.configured = False
        seen = []
        cluster.rounds = lambda asked: (seen.append(dict(cluster.said)), [] if asked < 3 else cluster.said)[1]
        cluster.patronis().pause()
        self.assertEqual(cluster.said, {"db-1": True, "db-2": True})
        self.assertIn({"db-1": False, "db-2": False}, seen)
        self.assertEqual(cluster.patches[-1], True)

    def test_is_asked_for_again_where_an_etcd_does_not_answer(self):
        cluster = Cluster("db-1")

        class Silent:
            def request(self, *_):
                raise OSError("no route to host")

        patronis = cluster.patronis()
        patronis.members.links = {"core-1": Silent(), **{"db-1": Etcd(cluster)}}
        patronis.pause()
        self.assertEqual(cluster.said, {"db-1": True})

    def test_that_nobody_can_tell_of_is_a_failure(self):
        cluster = Cluster("db-1")
        patronis = cluster.patronis()
        patronis.members.links = {}
        with self.assertRaises(ConnectionError):
            patronis.members.paused()

    def test_of_one_that_never_acts_so_is_refused(self):
        import patronis as module

        self.addCleanup(setattr, module, "ANSWERS", module.ANSWERS)
        module.ANSWERS = 0.2
        cluster = Cluster("db-1", "db-2")
        cluster.rounds = lambda asked: ["db-1"]
        with self.assertRaisesRegex(Failed, "Patroni on db-2 did not pause"):
            cluster.patronis().pause()


if __name__ == "__main__":
    unittest.main()
