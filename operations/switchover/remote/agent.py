"""One machine's part in a cutover: it answers the coordinator for as long as the cutover lasts.

    agent.py            answers until it is stopped; a systemd unit's main process
    agent.py release    lets clients of this machine's poolers go on; the same unit's last act, however it ended

It reads its settings (JSON) from standard input: the private address and port to
listen on, the paths of this machine's certificate, a token that every request must carry, and how to reach the
PostgreSQL and the poolers of this machine, where it has them.
"""

import csv
import hmac
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Refused(Exception):
    """The request cannot be met; told to the coordinator."""


class Console:
    """A psql that stays open, so that no login stands between two statements."""

    END = "phasewise-end"

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.lock = threading.Lock()

    def run(self, sql):
        with self.lock:
            self.process.stdin.write(f"{sql};\n\\echo {self.END}\n")
            self.process.stdin.flush()
            lines = []
            for line in self.process.stdout:
                if line.rstrip("\n") == self.END:
                    break
                lines.append(line.rstrip("\n"))
            else:
                raise Refused("psql ended: " + " ".join(lines))
        failed = [line for line in lines if re.search(r"(ERROR|FATAL|PANIC):", line)]
        if failed:
            raise Refused(failed[0])
        return "\n".join(lines).strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=5)


class Database:
    """PostgreSQL on this machine, as its superuser by the Unix socket."""

    def __init__(self, settings):
        self.settings = settings
        self.sql = Console(self.login())
        self.deciding = threading.Lock()
        self.revoked = False

    def login(self):
        return ["runuser", "-u", "postgres", "--", "psql", "-qXAt", "-h", self.settings["socket"], "-d", "postgres"]

    def status(self, _):
        answer = self.sql.run(
            "SELECT json_build_object('recovery', pg_is_in_recovery(),"
            " 'streaming', EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),"
            " 'longest', coalesce((SELECT extract(epoch FROM max(clock_timestamp() - xact_start)) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()), 0))"
        )
        return json.loads(answer)

    def checkpoint(self, _):
        self.sql.run("CHECKPOINT")
        return {}

    def unfetched(self, request):
        """
        While `on`, this standby fetches no log from the archive: at its promotion it would ask there first, over and
        over, with clients waiting.
        """
        if request["on"] and not self.sql.run("SHOW restore_command"):
            return {}
        change = "SET restore_command = ''" if request["on"] else "RESET restore_command"
        self.sql.run(f"ALTER SYSTEM {change}")
        self.sql.run("SELECT pg_reload_conf()")
        return {}

    def stop(self, request):
        """Ends PostgreSQL as fast as is clean. Its processes may go on for a while; what counts is the control file."""
        data = self.settings["data"]
        with open(os.path.join(data, "postmaster.pid"), encoding="ascii") as file:
            postmaster = int(file.readline())
        os.kill(postmaster, signal.SIGINT)
        end = time.monotonic() + request["seconds"]
        while True:
            control = self.control(data)
            if control["Database cluster state"] == "shut down":
                return {"lsn": control["Latest checkpoint location"]}
            if time.monotonic() > end:
                raise Refused(f"PostgreSQL is still {control['Database cluster state']}")
            time.sleep(0.005)

    def control(self, data):
        text = subprocess.run(
            [os.path.join(self.settings["bin"], "pg_controldata"), data],
            check=True, capture_output=True, text=True, env={"LC_ALL": "C"},
        ).stdout
        return dict((part.strip() for part in line.split(":", 1)) for line in text.splitlines() if ":" in line)

    def promote(self, request):
        """Makes this standby the primary once it has all that the old one wrote. From here on there is no return."""
        end = time.monotonic() + request["seconds"]
        lsn = request["lsn"]
        if not re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", lsn):
            raise Refused(f"not a place in the log: {lsn}")
        begin = time.monotonic()
        self.until(f"SELECT pg_last_wal_replay_lsn() > '{lsn}'", "t", end)
        caught = time.monotonic()
        with self.deciding:
            if self.revoked:
                raise Refused("the cutover was called off")
            self.sql.run("SELECT pg_promote(false)")
        self.until("SELECT pg_is_in_recovery()", "f", end)
        done = time.monotonic()
        return {"catchUpMs": (caught - begin) * 1000, "promoteMs": (done - caught) * 1000}

    def revoke(self, _):
        """After this the standby is never promoted by this cutover; says whether it was already."""
        with self.deciding:
            self.revoked = True
        return {"promoted": self.sql.run("SELECT pg_is_in_recovery()") == "f"}

    def until(self, question, answer, end):
        while self.sql.run(question) != answer:
            if time.monotonic() > end:
                raise Refused(f"still not: {question}")
            time.sleep(0.001)


class Pooler:
    """One PgBouncer on this machine, by its console."""

    def __init__(self, settings):
        self.settings = settings
        self.console = Console(self.login())
        self.held = threading.Event()

    def login(self):
        where = ["-h", self.settings["socket"], "-p", str(self.settings["port"])]
        return ["psql", "-qXAt", *where, "-U", "postgres", "-d", "pgbouncer"]

    def pause(self, seconds, at_most):
        """
        Holds clients between two transactions; gives up, and lets them go on, where one takes longer than `seconds`.
        However the cutover goes on, they are let go after `at_most` seconds.
        """
        given_up = threading.Event()

        def give_up():
            given_up.set()
            self.release()

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            self.console.run("PAUSE")
        except Refused as error:
            if not given_up.is_set() and "already" not in str(error):
                raise
        finally:
            timer.cancel()
        if given_up.is_set():
            raise Refused(f"a transaction did not end within {seconds} s")
        self.held.set()
        limit = threading.Timer(at_most, self.let_go)
        limit.daemon = True
        limit.start()

    def let_go(self):
        if self.held.is_set():
            self.release()

    def release(self):
        """From a console of its own: the other one may wait for the PAUSE."""
        console = Console(self.login())
        try:
            self.resume(console)
        finally:
            console.close()

    def resume(self, console=None):
        try:
            (console or self.console).run("RESUME")
        except Refused as error:
            if "not paused" not in str(error):
                raise
        self.held.clear()

    def point(self, text):
        """Writes where the databases are; the pooler reads it and clients go on there."""
        path = self.settings["databases"]
        beside = f"{path}.cutover"
        old = os.stat(path)
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, old.st_mode & 0o777)
        os.chown(beside, old.st_uid, old.st_gid)
        os.rename(beside, path)
        self.console.run("RELOAD")
        self.resume()


class Gateway:
    """The poolers of this machine, by their names, with the proxy behind them."""

    def __init__(self, settings):
        self.settings = settings
        self.poolers = {name: Pooler(each) for name, each in settings["poolers"].items()}

    def reach(self, _):
        for pooler in self.poolers.values():
            pooler.console.run("SHOW VERSION")
        return {}

    def pause(self, request):
        """
        Holds the clients of all poolers. Writes have to be held; long reads may go on elsewhere, so that readers who
        cannot be held in time are let go on.
        """
        begin = time.monotonic()
        failures = {}

        def hold(name):
            try:
                self.poolers[name].pause(request["seconds"], request["atMost"])
            except Exception as error:
                failures[name] = error

        in_parallel(hold, self.poolers)
        if "writes" in failures:
            for pooler in self.poolers.values():
                pooler.resume()
            raise failures["writes"]
        return {"drainMs": (time.monotonic() - begin) * 1000, "notHeld": sorted(failures)}

    def resume(self, _):
        in_parallel(lambda name: self.poolers[name].resume(), self.poolers)
        return {}

    def point(self, request):
        failures = []

        def point(name):
            try:
                self.poolers[name].point(request["texts"][name])
            except Exception as error:
                failures.append(error)

        in_parallel(point, self.poolers)
        if failures:
            raise failures[0]
        return {}

    def release(self):
        for pooler in self.poolers.values():
            pooler.release()

    def expect(self, request):
        """Waits until the proxy sends writers to this machine and to no other."""
        end = time.monotonic() + request["seconds"]
        while self.primaries() != [request["name"]]:
            if time.monotonic() > end:
                raise Refused(f"the proxy leads to {', '.join(self.primaries()) or 'nobody'}, not to {request['name']}")
            time.sleep(0.1)
        return {}

    def primaries(self):
        with socket.socket(socket.AF_UNIX) as proxy:
            proxy.connect(self.settings["proxy"])
            proxy.sendall(b"show stat\n")
            rows = csv.DictReader(proxy.makefile("r", encoding="utf-8"))
            return [
                row["svname"]
                for row in rows
                if row["# pxname"] == "primary"
                and row["svname"] not in ("FRONTEND", "BACKEND")
                and row["status"].startswith("UP")
            ]


def in_parallel(work, names):
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def handler(token, parts):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(length)
            if not hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {token}"):
                return self.answer(403, {"reason": "not this cutover's token"})
            part, _, name = self.path.strip("/").partition("/")
            action = getattr(parts.get(part), name, None)
            if part not in parts or name.startswith("_") or not callable(action):
                return self.answer(404, {"reason": f"there is no {self.path} here"})
            try:
                return self.answer(200, action(json.loads(body or b"{}")))
            except Refused as error:
                return self.answer(409, {"reason": str(error)})
            except Exception as error:  # the coordinator decides what a failure means
                return self.answer(500, {"reason": f"{type(error).__name__}: {error}"})

        def answer(self, status, content):
            text = json.dumps(content).encode()
            head = f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
            self.wfile.write(head.encode() + text)

        def log_message(self, *_):
            pass

    return Handler


def main():
    settings = json.load(sys.stdin)
    if sys.argv[1:] == ["release"]:
        return Gateway(settings["gateway"]).release() if settings.get("gateway") else None
    parts = {}
    if settings.get("database"):
        parts["database"] = Database(settings["database"])
    if settings.get("gateway"):
        parts["gateway"] = Gateway(settings["gateway"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings["tls"]["ca"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(settings["tls"]["certificate"], settings["tls"]["key"])
    server = ThreadingHTTPServer((settings["address"], settings["port"]), handler(settings["token"], parts))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
