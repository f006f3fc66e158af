"""The poolers of one machine, with the proxy behind them."""

import contextlib
import os
import threading
import time

from console import Console, Refused
from proxy import Proxy

# After clients were let go on, their first transaction is waited for so long (seconds).
FIRST_WITHIN = 0.5


class Pooler:
    """One PgBouncer on this machine, by its console."""

    def __init__(self, settings):
        self.settings = settings
        self.console = Console(self.login())
        self.held = threading.Event()
        self.prepared = None
        self.led = None

    def login(self):
        where = ["-h", self.settings["socket"], "-p", str(self.settings["port"])]
        return ["psql", "-qXAt", *where, "-U", "postgres", "-d", "pgbouncer"]

    def pause(self, seconds, at_most):
        """
        Holds clients between two transactions; gives up, and lets them go on, where one takes longer than `seconds`.
        However the cutover goes on, they are let go after `at_most` seconds.
        """
        given_up = threading.Event()
        waiting = self.console

        def give_up():
            given_up.set()
            # It may never be told that its PAUSE is over: PgBouncer answers only those pauses that come to their end.
            self.console = Console(self.login())
            try:
                self.release()
            finally:
                waiting.kill()

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            waiting.run("PAUSE")
        except Refused as error:
            if not given_up.is_set() and "already" not in str(error):
                raise
        finally:
            timer.cancel()
            # Clients go on before anything else is done with the pooler.
            timer.join()
        if given_up.is_set():
            raise Refused(f"a transaction did not end within {seconds:g} s")
        self.held.set()
        limit = threading.Timer(at_most, self.let_go)
        limit.daemon = True
        limit.start()

    def let_go(self):
        if self.held.is_set():
            self.release()

    def release(self):
        """From a console of its own: the other one may wait for the PAUSE. Whoever led it somewhere may be gone."""
        console = Console(self.login())
        try:
            self.put_back()
            self.led = None
            self.go_on(console, "RELOAD")
        finally:
            console.close()

    def resume(self):
        """Clients go on where they were."""
        statements = [] if self.led is None else ["RELOAD"]
        self.led = None
        self.go_on(self.console, *statements)

    def go_on(self, console, *before):
        try:
            console.run(*before, "RESUME")
        except Refused as error:
            if "not paused" not in str(error):
                raise
        self.held.clear()

    def prepare(self, text):
        """Writes beside its file where the databases will be, so that nothing is written while clients wait."""
        path = self.settings["databases"]
        old = os.stat(path)
        with open(self.beside(), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(self.beside(), old.st_mode & 0o777)
        os.chown(self.beside(), old.st_uid, old.st_gid)
        self.prepared = text

    def lead(self, text):
        """
        Has the pooler read where clients will go on while they are held: that takes it 15 ms. Its file says so for that
        moment only, so that a pooler that starts again, or is let go by anybody but `point`, leads to where it was.
        """
        if not self.held.is_set():
            return
        if self.prepared != text:
            self.prepare(text)
        path = self.settings["databases"]
        self.put_back()
        os.link(path, self.before())
        os.rename(self.beside(), path)
        try:
            self.console.run("RELOAD")
        finally:
            self.put_back()
        self.led = text
        self.prepare(text)

    def put_back(self):
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.before(), self.settings["databases"])
            # Two names of one file stay two.
            os.unlink(self.before())

    def point(self, text):
        """Says where the databases are; the pooler reads it and clients go on there."""
        if self.prepared != text:
            self.prepare(text)
        os.rename(self.beside(), self.settings["databases"])
        statements = [] if self.led == text else ["RELOAD"]
        self.prepared = self.led = None
        self.go_on(self.console, *statements)

    def beside(self):
        return f"{self.settings['databases']}.cutover"

    def before(self):
        return f"{self.settings['databases']}.before"

    def transactions(self):
        """How many clients have ended, beside those of the console itself."""
        rows = (line.split("|") for line in self.console.run("SHOW STATS_TOTALS").splitlines())
        return sum(int(row[2]) for row in rows if row[0] != "pgbouncer")


class Gateway:
    """The poolers of this machine, by their names."""

    def __init__(self, settings):
        self.proxy = Proxy(settings["proxy"])
        self.poolers = {name: Pooler(each) for name, each in settings["poolers"].items()}

    def reach(self, _):
        for pooler in self.poolers.values():
            pooler.console.run("SHOW VERSION")
        return {}

    def prepare(self, request):
        for name, text in request["texts"].items():
            self.poolers[name].prepare(text)
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

    def lead(self, request):
        self.each(lambda name: self.poolers[name].lead(request["texts"][name]))
        return {}

    def point(self, request):
        self.each(lambda name: self.poolers[name].point(request["texts"][name]))
        return {}

    def each(self, work):
        failures = []

        def attempt(name):
            try:
                work(name)
            except Exception as error:
                failures.append(error)

        in_parallel(attempt, self.poolers)
        if failures:
            raise failures[0]

    def first(self, _):
        """Milliseconds until a writer's transaction has ended; null where nobody writes."""
        begin = time.monotonic()
        pooler = self.poolers["writes"]
        before = pooler.transactions()
        while pooler.transactions() == before:
            if time.monotonic() > begin + FIRST_WITHIN:
                return {"firstMs": None}
            time.sleep(0.002)
        return {"firstMs": (time.monotonic() - begin) * 1000}

    def release(self):
        for pooler in self.poolers.values():
            pooler.release()
        self.proxy.watch_readers()

    def leave_readers(self, request):
        self.proxy.leave_readers(request["name"])
        return {}

    def watch_readers(self, request):
        self.proxy.watch_readers(request["seconds"])
        return {}

    def expect(self, request):
        self.proxy.expect(request["name"], request["seconds"])
        return {}


def in_parallel(work, names):
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
