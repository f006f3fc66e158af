"""PostgreSQL on one machine, as its superuser by the Unix socket."""

import json
import os
import re
import signal
import threading
import time

from console import Console, Refused
from control import ControlFile
from postmaster import Postmaster, let_patroni

# For the time of a cutover the standby fetches no log from the archive, where its promotion would ask first, over and
# over; and having met the end of the stream, it looks again at once.
HASTE = {"restore_command": "''", "wal_retrieve_retry_interval": "'5ms'"}
# When the old primary ends, the rest of its log's segment (16 MB) is filled up, sent, and written on both machines; the
# last record goes to the next one, which a checkpoint makes ahead once three quarters are full. So little is left then
# if it can be: shares of a segment.
LEAST_LEFT, WANTED_LEFT, MOST_LEFT = 0.05, 0.18, 0.25
MESSAGE = 1024 * 1024
# A PostgreSQL that has shut down, but whose processes have not ended, is given so long (seconds).
ENDS_WITHIN = 0.3


class TooLate(Refused):
    """Something did not happen in time."""


class Database:
    def __init__(self, settings):
        self.settings = settings
        self.sql = Console(login(settings))
        self.control = ControlFile(settings["data"], settings["bin"])
        self.postmaster = Postmaster(settings["data"], settings["bin"])
        self.deciding = threading.Lock()
        self.revoked = False

    def status(self, _):
        answer = self.sql.run(
            "SELECT json_build_object('recovery', pg_is_in_recovery(),"
            " 'streaming', EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),"
            " 'longest', coalesce((SELECT extract(epoch FROM max(clock_timestamp() - xact_start)) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()), 0))"
        )
        return json.loads(answer)

    def checkpoint(self, _):
        """On a standby, too: what it has written by then need not be written when it is promoted."""
        self.sql.run("CHECKPOINT")
        self.control.learn()
        return {}

    def fill(self, _):
        """Fills the log's segment but for a little, and has the next one made; says where the log is then."""
        left, size = self.left()
        wanted = 0 if LEAST_LEFT * size <= left <= MOST_LEFT * size else (left - WANTED_LEFT * size) % size
        while wanted >= 1:
            text = min(MESSAGE, int(wanted))
            self.sql.run(f"SELECT pg_logical_emit_message(false, 'phasewise', repeat('-', {text}))")
            wanted -= text
        self.sql.run("CHECKPOINT")
        return {"lsn": self.sql.run("SELECT pg_current_wal_insert_lsn()")}

    def filled(self, _):
        left, size = self.left()
        return {"filled": LEAST_LEFT * size <= left <= MOST_LEFT * size}

    def left(self):
        """Bytes left of the log's segment, and its size."""
        answer = self.sql.run(
            "SELECT size - mod(pg_current_wal_insert_lsn() - '0/0', size), size"
            " FROM (SELECT pg_size_bytes(current_setting('wal_segment_size')) AS size) AS segment"
        )
        left, size = answer.split("|")
        return int(left), int(size)

    def reach(self, request):
        """Waits until this standby has replayed the log up to a place."""
        try:
            self.until(f"SELECT pg_last_wal_replay_lsn() >= '{place(request['lsn'])}'", "t", request["seconds"])
        except TooLate as late:
            raise Refused(f"it had not replayed the log up to {request['lsn']} {late}") from late
        return {}

    def hasten(self, request):
        self.sql.run(*haste(request["on"]))
        return {}

    def alone(self, request):
        """
        While `on`, no Patroni looks after this standby: one that looked just before the promotion and acts just after
        it would make a standby of the new primary again. Paused as it is, it leaves PostgreSQL running.
        """
        let_patroni("stop" if request["on"] else "start")
        return {}

    def stop(self, request):
        """Ends PostgreSQL as fast as is clean. Its processes may go on for a while; what counts is the control file."""
        self.postmaster.signal(signal.SIGINT)
        return self.await_stop(request)

    def stop_fast(self, request):
        """While `on`, Patroni's `before_stop` (roles/patroni.ts) stops PostgreSQL itself, faster than Patroni does."""
        mark(self.settings["stopFast"], request["on"])
        return {}

    def archive_later(self, request):
        """While `on`, the log is not sent to the archive: that costs as much as the move itself (roles/archivePush.ts)."""
        mark(self.settings["archiveLater"], request["on"])
        return {}

    def await_stop(self, request):
        """Waits until the control file says that PostgreSQL has shut down; says up to which place in the log."""
        end = time.monotonic() + request["seconds"]
        while True:
            control = self.control.read()
            if control and control[0]:
                return {"lsn": control[1]}
            if time.monotonic() > end:
                raise Refused(f"PostgreSQL had not shut down after {request['seconds']} s")
            time.sleep(0.001)

    def start(self, request):
        """Starts what `stop` ended, as it ran before: the move is turned back, and its clients go on here."""
        self.postmaster.end(ENDS_WITHIN)
        self.postmaster.start(request["seconds"])
        self.sql = Console(login(self.settings))
        if self.sql.run("SELECT pg_is_in_recovery()") != "f":
            raise Refused("PostgreSQL came back as a standby")
        return {}

    def promote(self, request):
        """Makes this standby the primary once it has all that the old one wrote. From here on there is no return."""
        begin = time.monotonic()
        try:
            self.until(f"SELECT pg_last_wal_replay_lsn() > '{place(request['lsn'])}'", "t", request["catchUpSeconds"])
        except TooLate as late:
            raise Refused(f"it had not replayed the log of the old primary {late}") from late
        caught = time.monotonic()
        with self.deciding:
            if self.revoked:
                raise Refused("the cutover was called off")
            self.sql.run("SELECT pg_promote(false)")
        self.until("SELECT pg_is_in_recovery()", "f", request["seconds"])
        done = time.monotonic()
        return {"catchUpMs": (caught - begin) * 1000, "promoteMs": (done - caught) * 1000}

    def await_primary(self, request):
        """Waits until somebody else has made this standby the primary."""
        begin = time.monotonic()
        try:
            self.until("SELECT pg_is_in_recovery()", "f", request["seconds"])
        except TooLate as late:
            raise Refused(f"it was not made the primary {late}") from late
        return {"promoteMs": (time.monotonic() - begin) * 1000}

    def revoke(self, _):
        """After this the standby is never promoted by this cutover; says whether it was already."""
        with self.deciding:
            self.revoked = True
        return {"promoted": self.sql.run("SELECT pg_is_in_recovery()") == "f"}

    def until(self, question, answer, seconds):
        end = time.monotonic() + seconds
        while self.sql.run(question) != answer:
            if time.monotonic() > end:
                raise TooLate(f"within {seconds:.1f} s")
            time.sleep(0.001)


def mark(path, on):
    if on:
        open(path, "w", encoding="ascii").close()
    elif os.path.exists(path):
        os.remove(path)


def login(settings):
    return ["runuser", "-u", "postgres", "--", "psql", "-qXAt", "-h", settings["socket"], "-d", "postgres"]


def haste(on):
    changes = [f"SET {name} = {value}" if on else f"RESET {name}" for name, value in HASTE.items()]
    return [*(f"ALTER SYSTEM {change}" for change in changes), "SELECT pg_reload_conf()"]


def release(settings):
    """Whatever became of the cutover, the server is as it is configured, and Patroni looks after it."""
    let_patroni("start")
    mark(settings["stopFast"], False)
    mark(settings["archiveLater"], False)
    overridden = os.path.join(settings["data"], "postgresql.auto.conf")
    with open(overridden, encoding="utf-8") as file:
        if not re.search(rf"^({'|'.join(HASTE)}) ", file.read(), re.MULTILINE):
            return
    console = Console(login(settings))
    try:
        console.run(*haste(False))
    finally:
        console.close()


def place(lsn):
    if not re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", lsn):
        raise Refused(f"not a place in the log: {lsn}")
    return lsn
