"""Moves a cluster's primary to another member while clients wait at the poolers: the coordinator, on a gateway.

    cutover.py run      the whole move; a systemd unit
    cutover.py settle   when that has ended, however: where it did not come to its end, clients go on and somebody leads

Both read the same settings (JSON) from standard input. Progress goes to standard output, one JSON document a line. How
far the move came is kept in a file, so that `settle` knows. Patroni is paused meanwhile: nobody else starts, stops or
promotes anything until it is resumed.
"""

import http.client
import json
import os
import ssl
import sys
import threading
import time

# How long the parts may take that are not waited for by clients (seconds).
PATRONI_ANSWERS = 20
LEADS_WITHIN = 60
# How long PostgreSQL may take to end and the new one to begin (seconds); beyond it `settle` lets Patroni decide.
STOP_WITHIN = 8
PROMOTE_WITHIN = 8
# A pooler that hears nothing more lets its clients go on by itself.
LET_GO_AFTER = 20
PROXY_FOLLOWS = 20


class Failed(Exception):
    """The move is not possible or did not work."""


def say(**what):
    print(json.dumps(what), flush=True)


class Link:
    """One open connection to a machine, over the machines' own certificates."""

    def __init__(self, context, address, port, token=None):
        self.make = lambda: http.client.HTTPSConnection(address, port, timeout=30, context=context)
        self.token = token
        self.connection = None

    def request(self, method, path, body=None, accept=()):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.connection is None:
            self.connection = self.make()
        try:
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = self.connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise
        if response.status >= 300 and response.status not in accept:
            reason = text.decode(errors="replace")
            try:
                reason = json.loads(text)["reason"]
            except (ValueError, KeyError, TypeError):
                pass
            raise Failed(reason)
        return json.loads(text) if text.startswith(b"{") else {}

    def post(self, path, **body):
        return self.request("POST", path, body)


class Cutover:
    def __init__(self, settings):
        self.settings = settings
        context = ssl.create_default_context(cafile=settings["tls"]["ca"])
        context.load_cert_chain(settings["tls"]["certificate"], settings["tls"]["key"])
        # Addresses are what machines are known by here, and the certificates name them.
        agent = lambda machine: Link(context, machine["address"], settings["port"], settings["token"])
        self.old = agent(settings["old"])
        self.new = agent(settings["new"])
        self.gateways = [agent(machine) for machine in settings["gateways"]]
        self.patronis = {
            member["name"]: Link(context, member["address"], settings["patroniPort"]) for member in settings["members"]
        }

    # How far it came

    def mark(self, stage):
        path = self.settings["stateFile"]
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump({"stage": stage}, file)
            file.flush()
            os.fsync(file.fileno())
        os.rename(f"{path}.new", path)

    def stage(self):
        try:
            with open(self.settings["stateFile"], encoding="utf-8") as file:
                return json.load(file)["stage"]
        except FileNotFoundError:
            return "nothing"

    # Patroni

    def any_patroni(self, method, path, body=None):
        failures = []
        for name in [self.settings["new"]["name"], *self.patronis]:
            try:
                return self.patronis[name].request(method, path, body)
            except (OSError, http.client.HTTPException, Failed) as error:
                failures.append(f"{name}: {error}")
        raise Failed("no Patroni answers: " + "; ".join(failures))

    def set_paused(self, paused):
        self.any_patroni("PATCH", "/config", {"pause": paused})

    def wait_paused(self):
        """Each member has to have seen it: one that has not would promote or restart something."""
        for name, link in self.patronis.items():
            self.until(
                lambda: link.request("GET", "/patroni", accept=(503,)).get("pause") is True,
                PATRONI_ANSWERS,
                f"Patroni on {name} did not pause",
            )

    def leader(self):
        members = self.any_patroni("GET", "/cluster")["members"]
        return next((member["name"] for member in members if member["role"] == "leader"), None)

    def until(self, question, seconds, failure):
        end = time.monotonic() + seconds
        while True:
            try:
                if question():
                    return
            except (OSError, http.client.HTTPException) as error:
                failure = f"{failure} ({error})" if "(" not in failure else failure
            if time.monotonic() > end:
                raise Failed(failure)
            time.sleep(0.1)

    # The move

    def everywhere(self, path, **body):
        """The same request to all gateways at once; the first failure is raised when all have answered."""
        results = [None] * len(self.gateways)

        def ask(index):
            try:
                results[index] = self.gateways[index].post(path, **body)
            except Exception as error:  # raised below, in the order of the gateways
                results[index] = error

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(self.gateways))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def reach_agents(self):
        for link, path in [(self.old, "/database/status"), (self.new, "/database/status")]:
            self.until(lambda: link.post(path) is not None, PATRONI_ANSWERS, "an agent does not answer")
        for link in self.gateways:
            self.until(lambda: link.post("/gateway/reach") is not None, PATRONI_ANSWERS, "a gateway does not answer")

    def check(self):
        old, new = self.old.post("/database/status"), self.new.post("/database/status")
        old_name, new_name = self.settings["old"]["name"], self.settings["new"]["name"]
        if old["recovery"]:
            raise Failed(f"{old_name} is not the primary")
        if not new["recovery"]:
            raise Failed(f"{new_name} is not a standby")
        if not new["streaming"]:
            raise Failed(f"{new_name} does not stream from {old_name}")
        longest = max(float(old["longest"]), 0)
        if longest > self.settings["maxStallSeconds"]:
            raise Failed(f"a transaction on {old_name} has been open for {longest:.1f} s; the move would have to wait for it")

    def run(self):
        begin = time.monotonic()
        self.reach_agents()
        self.check()
        say(doing="pause Patroni")
        self.mark("pausing")
        self.set_paused(True)
        self.wait_paused()
        if self.leader() != self.settings["old"]["name"]:
            raise Failed(f"{self.settings['old']['name']} does not lead any more")
        self.new.post("/database/unfetched", on=True)
        self.old.post("/database/checkpoint")
        self.check()
        say(doing="move")
        times = self.move()
        say(doing="wait for the new leader", **times)
        self.hand_over()
        self.new.post("/database/unfetched", on=False)
        self.mark("done")
        say(done=True, seconds=round(time.monotonic() - begin, 1), **times)

    def move(self):
        start = time.monotonic()
        lap = lambda: (time.monotonic() - start) * 1000
        budget = self.settings["maxStallSeconds"]
        self.mark("holding")
        try:
            self.everywhere("/gateway/pause", seconds=budget / 2, atMost=LET_GO_AFTER)
        except Exception:
            self.everywhere("/gateway/resume")
            raise
        drained = lap()
        if drained > budget * 1000:
            self.everywhere("/gateway/resume")
            raise Failed(f"clients were held for {drained:.0f} ms before anything had begun")
        self.mark("stopping")
        lsn = self.old.post("/database/stop", seconds=STOP_WITHIN)["lsn"]
        stopped = lap()
        self.mark("promoting")
        promoted = self.new.post("/database/promote", lsn=lsn, seconds=PROMOTE_WITHIN)
        promoted_at = lap()
        self.everywhere("/gateway/point", texts=self.settings["databases"]["new"])
        resumed = lap()
        self.mark("moved")
        return {
            "drainMs": round(drained),
            "stopMs": round(stopped - drained),
            "catchUpMs": round(promoted["catchUpMs"]),
            "promoteMs": round(promoted["promoteMs"]),
            "resumeMs": round(resumed - promoted_at),
            "heldMs": round(resumed),
        }

    def hand_over(self):
        """Patroni leads at the new place, then is let go on; clients go through the proxy again."""
        new = self.settings["new"]["name"]
        self.until(lambda: self.leader() == new, LEADS_WITHIN, f"{new} does not hold the leader's key")
        self.set_paused(False)
        self.everywhere("/gateway/expect", name=new, seconds=PROXY_FOLLOWS)
        self.everywhere("/gateway/point", texts=self.settings["databases"]["proxy"])

    def settle(self):
        """
        Whatever the run left: either the new primary serves, or Patroni chooses one. Clients go on in both cases,
        through the proxy, which follows Patroni. Before Patroni may choose, the promotion is called off where it can
        be; where it cannot be asked, no client has been led there either.
        """
        stage = self.stage()
        if stage in ("done", "turned back", "nothing"):
            return
        promoted = stage == "moved"
        try:
            promoted = self.new.post("/database/revoke")["promoted"] or promoted
            self.new.post("/database/unfetched", on=False)
        except (OSError, http.client.HTTPException, Failed) as error:
            say(doing="settle", unreachable=self.settings["new"]["name"], reason=str(error))
        if promoted:
            say(doing="settle", primary=self.settings["new"]["name"])
            self.everywhere("/gateway/point", texts=self.settings["databases"]["new"])
            self.hand_over()
            self.mark("done")
            say(done=True, settled=True)
            return
        say(doing="settle", primary="whom Patroni chooses")
        self.set_paused(False)
        self.everywhere("/gateway/point", texts=self.settings["databases"]["proxy"])
        self.mark("turned back")
        say(done=False, settled=True)


def main():
    settings = json.load(sys.stdin)
    cutover = Cutover(settings)
    if sys.argv[1] == "settle":
        return cutover.settle()
    try:
        cutover.run()
    except Exception as error:
        say(failed=str(error) or type(error).__name__, stage=cutover.stage())
        cutover.settle()
        sys.exit(1)


if __name__ == "__main__":
    main()
