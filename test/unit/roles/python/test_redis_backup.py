import datetime
import io
import unittest

from objectStore import Failed, Store
from redisBackup import expired, moment_of, pump, whose

PREFIX = "redis/cache/"


def at(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp())


class Names(unittest.TestCase):
    def test_a_backup_is_known_by_its_moment(self):
        self.assertEqual(moment_of("redis/cache/20261121T023000Z.rdb.gpg", PREFIX), at("2026-11-21T02:30:00"))

    def test_what_is_no_backup_of_this_cache_has_none(self):
        for key in ("redis/other/20261121T023000Z.rdb.gpg", "redis/cache/notes.txt", "redis/cache/x.rdb.gpg"):
            self.assertIsNone(moment_of(key, PREFIX))

    def test_only_backups_that_are_too_old_expire(self):
        keys = [f"redis/cache/{day}T023000Z.rdb.gpg" for day in ("20261001", "20261021", "20261023", "20261121")]
        now = at("2026-11-21T02:31:00")
        self.assertEqual(expired([*keys, "redis/cache/readme", "redis/other/20200101T000000Z.rdb.gpg"], PREFIX, now, 30), keys[:2])


class Whose(unittest.TestCase):
    primary = {"role": "master", "connected_slaves": "0"}
    with_replica = {"role": "master", "connected_slaves": "1", "slave0": "ip=10.0.1.12,port=6380,state=online,lag=0"}

    def test_alone_it_is_the_primarys(self):
        self.assertTrue(whose(self.primary, False)[0])

    def test_a_replica_spares_the_primary_the_work(self):
        self.assertEqual(whose(self.with_replica, False), (False, "a replica makes it"))
        self.assertTrue(whose({"role": "slave", "master_link_status": "up"}, False)[0])

    def test_one_that_only_copies_or_lost_its_primary_makes_none(self):
        copying = {**self.with_replica, "slave0": "ip=10.0.1.12,port=6380,state=wait_bgsave"}
        self.assertTrue(whose(copying, False)[0])
        self.assertFalse(whose({"role": "slave", "master_link_status": "down"}, True)[0])

    def test_where_no_replica_makes_it_for_long_the_primary_does(self):
        self.assertTrue(whose(self.with_replica, True)[0])


class Sink(io.BytesIO):
    def close(self):
        self.got = self.getvalue()
        super().close()


class Stream(unittest.TestCase):
    rdb = b"REDIS0012" + bytes(range(250)) * 9000 + b"\xff" + b"checksum"
    mark = b"0123456789abcdef0123456789abcdef01234567"

    def pumped(self, text):
        sink = Sink()
        pump(io.BytesIO(text), sink)
        return sink.got

    def test_the_mark_behind_it_is_left_out(self):
        for rdb in (self.rdb, b"REDIS0012\xff" + b"01234567"):
            self.assertEqual(self.pumped(rdb + self.mark), rdb)
            self.assertEqual(self.pumped(rdb), rdb)

    def test_one_that_is_cut_short_or_none_is_refused(self):
        for cut in (self.rdb[:-1], self.rdb[: 1 << 20], b"REDIS", self.rdb + self.mark[:-1]):
            with self.assertRaisesRegex(Failed, "before its end"):
                self.pumped(cut)
        for none in (b"", b"-NOPERM"):
            with self.assertRaisesRegex(Failed, "nothing"):
                self.pumped(none)


class Signature(unittest.TestCase):
    def test_path_and_query_are_encoded_as_they_are_signed(self):
        settings = {"host": "s3.amazonaws.com", "port": 443, "region": "us-east-1", "bucket": "b", "ca": None}
        keys = {"accessKey": "AKIAIOSFODNN7EXAMPLE", "secretKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
        path, headers = Store(settings, keys).signed("GET", "a b/ü", {"x": "1/2", "a": ""}, b"", "20130524T000000Z")
        self.assertEqual(path, "/b/a%20b/%C3%BC?a=&x=1%2F2")
        self.assertEqual(headers["host"], "s3.amazonaws.com")
        self.assertRegex(
            headers["authorization"],
            "^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$",
        )


if __name__ == "__main__":
    unittest.main()
