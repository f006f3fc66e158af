#!/usr/bin/python3
"""Answers HTTPS requests with 200 where this member of a PostgreSQL cluster may serve reads, with 503 and the
reason where not. Only callers with a certificate of the stack's own authority are heard."""

import argparse
import collections
import http.server
import ssl
import threading
import time

PERIOD = 0.5
# An observation that is older than this says nothing of now.
FRESH = 3.0

QUERY = """
SELECT pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint END,
       pg_wal_lsn_diff(r.latest_end_lsn, '0/0')::bigint,
       extract(epoch FROM clock_timestamp() - r.last_msg_receipt_time)::float8,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
FROM (SELECT) one LEFT JOIN pg_stat_wal_receiver r ON r.status = 'streaming'
"""


class Lag:
    """How old the newest thing is that was replayed: since when the first position that is not replayed is known."""

    def __init__(self):
        self.ahead = None

    def seconds(self, when, replayed, end, replay_age):
        """`when` in seconds; positions in bytes; `replay_age` of the last replayed commit, None if there was none."""
        if self.ahead is None:
            # What happened before the first look is not known: the last commit's age is the most that it can be.
            self.ahead = collections.deque()
            if end > replayed:
                self.ahead.append((when - (replay_age or 0), end))
        elif end > max(replayed, self.ahead[-1][1] if self.ahead else 0):
            self.ahead.append((when, end))
        while self.ahead and self.ahead[0][1] <= replayed:
            self.ahead.popleft()
        return when - self.ahead[0][0] if self.ahead else 0.0


class Judge:
    """Judges rows of QUERY, one after the other."""

    def __init__(self, limit):
        self.limit = limit
        self.forget()

    def forget(self):
        self.lag = Lag()
        # When the primary was last heard, and how far its log was then.
        self.heard, self.end = None, None

    def verdict(self, when, row):
        """None where reads may come, else why not."""
        in_recovery, replayed, end, silence, replay_age = row
        if not in_recovery:
            self.forget()
            return "this is the primary"
        if end is not None:
            self.heard, self.end = when - silence, end
        if self.heard is None or replayed is None:
            return "nothing streams from the primary"
        if end is None:
            # It finds its way to the new primary, mostly in a moment, and what it has is no older than the silence:
            # closing at once would cut off those who read.
            silence, end = when - self.heard, self.end
        lag = self.lag.seconds(when, replayed, end, replay_age)
        if silence > self.limit:
            return "the primary has been silent for %.1f s" % silence
        if lag > self.limit:
            return "%.1f s behind the primary" % lag
        return None


class Gate:
    """The last verdict, and when it was made."""

    def __init__(self):
        self.reason = "not known yet"
        self.when = 0.0

    def set(self, reason):
        # The numbers in a reason change with each look: what is told is that the gate opens or closes.
        if (reason is None) != (self.reason is None):
            print("serves reads" if reason is None else "serves no reads: " + reason, flush=True)
        self.reason, self.when = reason, time.monotonic()

    def closed(self):
        if time.monotonic() - self.when > FRESH:
            return "PostgreSQL has not answered"
        return self.reason


def watch(gate, socket, limit):
    import psycopg2

    connection, judge = None, Judge(limit)
    while True:
        try:
            if connection is None:
                connection = psycopg2.connect(
                    host=socket, dbname="postgres", connect_timeout=2, options="-c statement_timeout=2000",
                    application_name="read-gate",
                )
                connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(QUERY)
                gate.set(judge.verdict(time.monotonic(), cursor.fetchone()))
        except psycopg2.Error as error:
            gate.set("PostgreSQL: " + (str(error).strip().splitlines() or ["no answer"])[0])
            if connection is not None:
                connection.close()
            connection, judge = None, Judge(limit)
        time.sleep(PERIOD)


def handler(gate):
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5

        def answer(self, with_body):
            reason = gate.closed()
            body = ((reason or "ok") + "\n").encode()
            self.send_response(200 if reason is None else 503)
            self.send_header("Content-Length", str(len(body) if with_body else 0))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def do_GET(self):
            self.answer(True)

        def do_OPTIONS(self):
            self.answer(False)

        def log_message(self, *_):
            pass

    return Handler


class Server(http.server.ThreadingHTTPServer):
    """The handshake is made in the request's own thread, so that a slow caller keeps nobody waiting."""

    daemon_threads = True

    def __init__(self, address, gate, context):
        super().__init__(address, handler(gate))
        self.context = context

    def finish_request(self, request, client_address):
        request.settimeout(5)
        try:
            with self.context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except OSError:
            # A check that was given up, or a caller without a certificate of ours.
            pass


def main():
    parser = argparse.ArgumentParser()
    for name in ("address", "socket", "ca", "certificate", "key"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--limit", type=float, required=True)
    options = parser.parse_args()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(options.certificate, options.key)
    gate = Gate()
    threading.Thread(target=watch, args=(gate, options.socket, options.limit), daemon=True).start()
    Server((options.address, options.port), gate, context).serve_forever()


if __name__ == "__main__":
    main()
