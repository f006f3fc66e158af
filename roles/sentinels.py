#!/usr/bin/python3
"""What the Sentinels of a stack say of its caches, and what follows from it on this machine.

gate   answers HTTP requests for /<cache>/<machine> with 200 where that machine is the primary of that cache, and with
       503 where it is not, or where this machine does not hear enough Sentinels to know.
place  before Redis starts: makes it the replica of whoever is the primary now, or the primary, if it is.
watch  brings this machine's Sentinel to watch the declared caches; --check only says whether it does.
"""

import argparse
import http.server
import json
import os
import pathlib
import pwd
import socket
import ssl
import sys
import threading
import time

# Seconds between two questions to a Sentinel, and how long an answer may take and stay of use.
PERIOD = 0.3
PATIENCE = 1.0
FRESH = 1.5


class Refused(Exception):
    """What Redis or Sentinel answered with an error."""


class Connection:
    """Speaks Redis' protocol (RESP2) with one server."""

    def __init__(self, stream):
        self.stream = stream
        self.file = stream.makefile("rb")

    def ask(self, *words):
        encoded = [word.encode() for word in words]
        parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        self.stream.sendall(b"*%d\r\n%s" % (len(encoded), parts))
        return self.answer()

    def answer(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the connection was closed")
        kind, rest = line[:1], line[1:-2].decode(errors="replace")
        if kind == b"+":
            return rest
        if kind == b"-":
            raise Refused(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if rest == "-1":
                return None
            return self.file.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return None if rest == "-1" else [self.answer() for _ in range(int(rest))]
        raise ConnectionError(f"not understood: {line[:40]!r}")

    def close(self):
        self.file.close()
        self.stream.close()


class Sentinels:
    """How to reach the Sentinels: by TLS with the stack's authority, as a client."""

    def __init__(self, ca, password, addresses, port):
        self.context = ssl.create_default_context(cafile=ca)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.password = password
        self.addresses = addresses
        self.port = port

    @property
    def majority(self):
        return len(self.addresses) // 2 + 1

    def connect(self, address):
        plain = socket.create_connection((address, self.port), timeout=PATIENCE)
        try:
            connection = Connection(self.context.wrap_socket(plain, server_hostname=address))
            connection.ask("AUTH", "app", self.password)
            return connection
        except BaseException:
            plain.close()
            raise


def primary_of(connection, cache):
    """The address of a cache's primary; None where this Sentinel does not know the cache."""
    found = connection.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", cache)
    return found[0] if found else None


def agreed(views, majority):
    """The address that a majority names; None where there is none."""
    for address in set(views):
        if address is not None and views.count(address) >= majority:
            return address
    return None


class Gate:
    """Keeps what each Sentinel said last."""

    def __init__(self, sentinels, caches, state):
        self.sentinels = sentinels
        self.caches = caches
        self.state = pathlib.Path(state)
        self.views = {}
        for address in sentinels.addresses:
            threading.Thread(target=self.listen, args=(address,), daemon=True).start()

    def listen(self, address):
        connection = None
        while True:
            try:
                connection = connection or self.sentinels.connect(address)
                for cache in self.caches:
                    self.views[cache, address] = (time.monotonic(), primary_of(connection, cache))
            except (OSError, Refused, ValueError):
                if connection:
                    connection.close()
                connection = None
            time.sleep(PERIOD)

    def primary(self, cache):
        """The cache's primary as a majority says now. None: not known, so nobody may serve."""
        now = time.monotonic()
        seen = [self.views.get((cache, address)) for address in self.sentinels.addresses]
        views = [view[1] for view in seen if view and now - view[0] < FRESH]
        found = agreed(views, self.sentinels.majority)
        mark = self.state / cache
        if found:
            if not mark.exists():
                mark.touch()
            return found
        # Sentinels that have only just come to a cache that runs have moved nothing yet.
        return None if mark.exists() else self.caches[cache]["primary"]

    def serves(self, cache, machine):
        if cache not in self.caches or machine not in self.caches[cache]["machines"]:
            return False
        return self.primary(cache) == self.caches[cache]["machines"][machine]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        _, cache, machine, *_ = (self.path + "//").split("/")
        self.send_response(200 if self.server.gate.serves(cache, machine) else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_OPTIONS = do_GET

    def log_message(self, *_):
        """HAProxy asks every second."""


def gate(options, settings):
    state = os.environ["STATE_DIRECTORY"]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.listen), Handler)
    server.daemon_threads = True
    server.gate = Gate(sentinels_of(options, settings), settings["caches"], state)
    server.serve_forever()


def sentinels_of(options, settings):
    password = pathlib.Path(options.password).read_text().strip()
    return Sentinels(options.ca, password, settings["sentinels"], settings["sentinelPort"])


def views_of(sentinels, cache):
    """What each Sentinel says now, those that do not answer left out."""
    views = []
    lock = threading.Lock()

    def look(address):
        try:
            connection = sentinels.connect(address)
            try:
                view = primary_of(connection, cache)
            finally:
                connection.close()
        except (OSError, Refused, ValueError):
            return
        with lock:
            views.append(view)

    threads = [threading.Thread(target=look, args=(address,), daemon=True) for address in sentinels.addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    with lock:
        return list(views)


def placed(text, primary, port):
    """Redis' own file with another place: the replica of `primary`, or nobody's where that is None."""
    kept = [line for line in text.splitlines() if line.split(" ")[0].lower() not in ("replicaof", "slaveof")]
    return "\n".join([*kept, *([] if primary is None else [f"replicaof {primary} {port}"])]) + "\n"


def place(options, settings):
    """Waits a little for a majority of Sentinels. Where there is none, as when all machines start at once and theirs
    are not there yet, Redis starts as what it was when it stopped."""
    cache, address, port = settings["cache"], settings["address"], settings["port"]
    sentinels = sentinels_of(options, settings)
    end = time.monotonic() + options.wait
    while True:
        primary = agreed(views_of(sentinels, cache), sentinels.majority)
        if primary:
            break
        if time.monotonic() > end:
            print(f"no majority of Sentinels says who is the primary of {cache}: going on as before")
            return
        time.sleep(0.5)
    path = pathlib.Path(options.file)
    text = path.read_text()
    wanted = placed(text, None if primary == address else primary, port)
    if wanted == text:
        return
    owner = pwd.getpwnam("redis")
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(wanted)
        os.fchown(file.fileno(), owner.pw_uid, owner.pw_gid)
        os.fsync(file.fileno())
    beside.rename(path)
    print(f"{cache}: the primary is {primary}")


def local(options):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(10)
    stream.connect(options.socket)
    connection = Connection(stream)
    connection.ask("AUTH", "admin", pathlib.Path(options.admin).read_text().strip())
    return connection


def fields(flat):
    return dict(zip(flat[::2], flat[1::2]))


SETTINGS = {
    "quorum": "quorum",
    "down-after-milliseconds": "downAfterMs",
    "failover-timeout": "failoverTimeoutMs",
    "parallel-syncs": "parallelSyncs",
}


def differences(connection, settings):
    """What this Sentinel does otherwise than declared, as pairs of a text and what puts it right."""
    known = {entry["name"]: entry for entry in map(fields, connection.ask("SENTINEL", "MASTERS"))}
    found = []
    for name in known.keys() - settings["caches"].keys():
        found.append((f"it watches {name}", lambda name=name: connection.ask("SENTINEL", "REMOVE", name)))
    for name, cache in settings["caches"].items():
        if name not in known:
            found.append((f"it does not watch {name}", lambda name=name, cache=cache: begin(connection, settings, name, cache)))
            continue
        wrong = [option for option, key in SETTINGS.items() if str(known[name].get(option)) != str(cache[key])]
        if wrong:
            found.append((f"{name}: other {', '.join(wrong)}", lambda name=name, cache=cache: adjust(connection, name, cache)))
        others = [fields(entry) for entry in connection.ask("SENTINEL", "SENTINELS", name)]
        gone = [other["ip"] for other in others if other["ip"] not in settings["sentinels"] or other["port"] == "0"]
        # Each counts as a vote that is never given: with too many of them, nobody could be elected any more.
        if gone or len(others) >= len(settings["sentinels"]):
            found.append((f"{name}: it counts Sentinels that are gone", lambda name=name: connection.ask("SENTINEL", "RESET", name)))
    return found


def begin(connection, settings, name, cache):
    """The others know who is the primary now; where they do not, it is the first."""
    primary = settings["known"](name) or cache["primary"]
    connection.ask("SENTINEL", "MONITOR", name, primary, str(settings["port"]), str(cache["quorum"]))
    adjust(connection, name, cache)


def adjust(connection, name, cache):
    options = [word for option, key in SETTINGS.items() for word in (option, str(cache[key]))]
    connection.ask("SENTINEL", "SET", name, "auth-user", cache["user"], "auth-pass", cache["password"], *options)


def watch(options, settings):
    sentinels = sentinels_of(options, settings)

    def known(name):
        views = [view for view in views_of(sentinels, name) if view]
        return max(set(views), key=views.count) if views else None

    settings["known"] = known
    connection = local(options)
    found = differences(connection, settings)
    for text, mend in found:
        print(text)
        if not options.check:
            mend()
    if options.check and found:
        sys.exit(1)
    # A password that was made anew cannot be compared, as Sentinel does not tell it.
    if not options.check:
        for name, cache in settings["caches"].items():
            adjust(connection, name, cache)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("doing", choices=["gate", "place", "watch"])
    parser.add_argument("--settings", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--listen", type=int)
    parser.add_argument("--file")
    parser.add_argument("--wait", type=float, default=10)
    parser.add_argument("--socket")
    parser.add_argument("--admin")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    settings = json.loads(pathlib.Path(options.settings).read_text())
    {"gate": gate, "place": place, "watch": watch}[options.doing](options, settings)


if __name__ == "__main__":
    main()
