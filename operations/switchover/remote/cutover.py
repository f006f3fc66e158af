"""Moves a cluster's primary to another member while clients wait at the poolers: the coordinator, on a gateway.

    cutover.py run      the whole move; a systemd unit
    cutover.py settle   when that has ended, however: where it did not come to its end, clients go on and somebody leads

Both read the same settings (JSON) from standard input. Progress goes to standard output, one JSON document a line. How
far the move came is kept in a file, so that `settle` knows. Patroni is paused meanwhile: nobody else starts, stops or
promotes anything until it is resumed.
"""

import json
import os
import ssl
import sys
import time

from link import TROUBLE, Asked, Failed, Link, ask_all
from members import Members
from patronis import Patronis

# How long agents may take to answer when the move begins (seconds).
ANSWERS = 20
# How long PostgreSQL may take to end and the new one to begin (seconds).
STOP_WITHIN = 4
PROMOTE_WITHIN = 8
# What the standby has not replayed when the old primary has ended must be a moment's work, however short the time
# that is left (seconds).
LEAST_CATCH_UP = 0.3
# Patroni's own switchover, from the request to the new primary (seconds).
BY_PATRONI_WITHIN = 15
# A move that is turned back starts the old primary again (seconds).
START_WITHIN = 20
# A pooler that hears nothing more lets its clients go on by itself.
LET_GO_AFTER = 20
PROXY_FOLLOWS = 20
# Long reads on the new primary, begun when it was a standby, are let go on for so long (seconds).
READS_END_WITHIN = 30
# So often the log's segment is filled before clients are held: they write on, and may reach the next one meanwhile.
FILLS = 3
# Clients are let go on in spite of a machine that was too busy to answer: that is tried so often, after a pause (seconds).
SETTLE_TRIES = 4
SETTLE_PAUSE = 2


def say(**what):
    print(json.dumps(what), flush=True)


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
        first = settings["new"]["name"]
        members = sorted(settings["members"], key=lambda member: member["name"] != first)
        links = lambda machines, port: {each["name"]: Link(context, each["address"], port) for each in machines}
        etcd = settings["etcd"]
        said = Members(links(etcd["members"], etcd["port"]), etcd["prefix"])
        self.patronis = Patronis(links(members, settings["patroniPort"]), said)

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

    # The move

    def everywhere(self, path, **body):
        return ask_all(self.gateways, path, **body)

    def point(self, where):
        self.everywhere("/gateway/point", texts=self.settings["databases"][where])

    def reach_agents(self):
        reach = self.patronis.until
        for link in (self.old, self.new):
            reach(lambda: link.post("/database/status") is not None, ANSWERS, "an agent does not answer")
        for link in self.gateways:
            reach(lambda: link.post("/gateway/reach") is not None, ANSWERS, "a gateway does not answer")

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
        self.patronis.pause()
        if self.patronis.leader() != self.settings["old"]["name"]:
            raise Failed(f"{self.settings['old']['name']} does not lead any more")
        say(doing="prepare")
        self.prepare()
        self.check()
        say(doing="move")
        times = self.move()
        say(doing="wait for the new leader", **times)
        # Its Patroni gives the leader's key back once PostgreSQL's last process has ended, and that one archives.
        self.old.post("/database/archive_later", on=False)
        self.restore()
        self.hand_over("new")
        self.mark("done")
        say(done=True, seconds=round(time.monotonic() - begin, 1), **times)

    def prepare(self):
        """Everything that can be done before clients are held."""
        ask_all([self.old, self.new], "/database/archive_later", on=True)
        ask_all([self.old, self.new], "/database/checkpoint")
        self.new.post("/database/hasten", on=True)
        self.everywhere("/gateway/prepare", texts=self.settings["databases"]["new"])
        self.everywhere("/gateway/leave_readers", name=self.settings["new"]["name"])
        self.new.post("/database/alone", on=True)
        for _ in range(FILLS):
            lsn = self.old.post("/database/fill")["lsn"]
            self.reached(lsn)
            self.new.post("/database/checkpoint")
            if self.old.post("/database/filled")["filled"]:
                return

    def restore(self):
        """What was prepared on the new primary is not needed any more."""
        self.new.post("/database/archive_later", on=False)
        self.new.post("/database/alone", on=False)
        self.new.post("/database/hasten", on=False)

    def reached(self, lsn):
        self.new.post("/database/reach", lsn=lsn, seconds=max(self.settings["maxStallSeconds"], 1))

    def hold(self, lap):
        """Holds all clients between two transactions, or none; says how long that took (milliseconds)."""
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
        return drained

    def move(self):
        start = time.monotonic()
        lap = lambda: (time.monotonic() - start) * 1000
        drained = self.hold(lap)
        self.mark("stopping")
        # Meanwhile the poolers learn where it is to go on; where they do not, `point` tells them anew.
        leading = Asked(lambda: self.everywhere("/gateway/lead", texts=self.settings["databases"]["new"]))
        try:
            lsn = self.old.post("/database/stop", seconds=STOP_WITHIN)["lsn"]
            stopped = lap()
            self.mark("promoting")
            left = max(self.settings["maxStallSeconds"] - stopped / 1000, LEAST_CATCH_UP)
            promoted = self.new.post("/database/promote", lsn=lsn, catchUpSeconds=left, seconds=PROMOTE_WITHIN)
        finally:
            # One connection to each gateway: who comes next asks on it, too.
            leading.wait()
        return self.let_go(lap, drained, stopped, promoted)

    def let_go(self, lap, drained, stopped, promoted):
        """Clients go on at the new primary; gives the times of all parts (milliseconds)."""
        promoted_at = lap()
        self.point("new")
        resumed = lap()
        self.mark("moved")
        first = [each["firstMs"] for each in self.everywhere("/gateway/first")]
        return {
            "drainMs": round(drained),
            "stopMs": round(stopped - drained),
            "catchUpMs": round(promoted["catchUpMs"]),
            "promoteMs": round(promoted["promoteMs"]),
            "resumeMs": round(resumed - promoted_at),
            "heldMs": round(resumed),
            "firstMs": min((round(each) for each in first if each is not None), default=None),
        }

    # The same move with Patroni in charge

    def run_by_patroni(self):
        begin = time.monotonic()
        self.reach_agents()
        self.check()
        say(doing="prepare")
        self.mark("pausing")
        ask_all([self.old, self.new], "/database/checkpoint")
        self.everywhere("/gateway/prepare", texts=self.settings["databases"]["new"])
        self.everywhere("/gateway/leave_readers", name=self.settings["new"]["name"])
        self.new.post("/database/hasten", on=True)
        self.old.post("/database/stop_fast", on=True)
        self.check()
        say(doing="move")
        times = self.move_by_patroni()
        say(doing="wait for the proxy", **times)
        self.old.post("/database/stop_fast", on=False)
        self.restore()
        self.follow_proxy("new")
        self.mark("done")
        say(done=True, seconds=round(time.monotonic() - begin, 1), **times)

    def move_by_patroni(self):
        start = time.monotonic()
        lap = lambda: (time.monotonic() - start) * 1000
        drained = self.hold(lap)
        self.mark("switching")
        old, new = self.settings["old"]["name"], self.settings["new"]["name"]
        asked = Asked(lambda: self.patronis.links[old].request("POST", "/switchover", {"leader": old, "candidate": new}))
        try:
            self.old.post("/database/await_stop", seconds=BY_PATRONI_WITHIN)
            stopped = lap()
            promoted = self.new.post("/database/await_primary", seconds=BY_PATRONI_WITHIN)
        except Failed as error:
            raise Failed(asked.refusal() or str(error)) from error
        return self.let_go(lap, drained, stopped, {"catchUpMs": 0, **promoted})

    def hand_over(self, place):
        """Patroni leads where clients are, then is let go on; clients go through the proxy again."""
        name = self.settings[place]["name"]
        self.patronis.await_leader(name)
        self.patronis.go_on()
        self.follow_proxy(place)

    def follow_proxy(self, place):
        self.everywhere("/gateway/expect", name=self.settings[place]["name"], seconds=PROXY_FOLLOWS)
        self.point("proxy")
        self.everywhere("/gateway/watch_readers", seconds=READS_END_WITHIN)

    def settle(self):
        """
        Whatever the run left: the new primary serves, or the old one again, or Patroni chooses one. Clients go on in
        all cases. Before anybody else may serve, the promotion is called off where it can be; where it cannot be
        asked, no client has been led there either.
        """
        stage = self.stage()
        if stage == "nothing":
            return say(done=False)
        if stage in ("done", "turned back"):
            return
        self.patronis.paused = self.settings["method"] == "direct"
        promoted, certain = stage == "moved", stage not in ("promoting", "moved")
        try:
            promoted = self.new.post("/database/revoke")["promoted"] or promoted
            certain = True
            self.restore()
        except TROUBLE as error:
            say(doing="settle", unreachable=self.settings["new"]["name"], reason=str(error))
        done = False
        if stage == "switching":
            # It is Patroni's business who leads; clients follow.
            self.let_choose()
        elif promoted:
            done = self.keep("new")
        elif certain and stage in ("stopping", "promoting"):
            # It was not promoted and never will be.
            self.keep("old")
        else:
            self.let_choose()
        self.mark("done" if done else "turned back")
        say(done=done, settled=True)

    def keep(self, place):
        """This one serves clients at once, and leads; says whether it does."""
        name = self.settings[place]["name"]
        say(doing="settle", primary=name)
        try:
            if place == "old":
                self.old.post("/database/start", seconds=START_WITHIN)
            self.point(place)
            self.hand_over(place)
            return True
        except TROUBLE as error:
            say(doing="settle", unable=f"{name} does not lead: {error}")
            self.let_choose()
            return False

    def let_choose(self):
        say(doing="settle", primary="whom Patroni chooses")
        self.patronis.go_on()
        self.point("proxy")
        self.everywhere("/gateway/watch_readers", seconds=0)


def settle(cutover, pause=SETTLE_PAUSE):
    """Until it comes to its end: each of its steps may be done again."""
    for last in [False] * (SETTLE_TRIES - 1) + [True]:
        try:
            return cutover.settle()
        except TROUBLE as error:
            if last:
                raise
            say(doing="settle", again=str(error) or type(error).__name__)
            time.sleep(pause)


def main():
    settings = json.load(sys.stdin)
    cutover = Cutover(settings)
    if sys.argv[1] == "settle":
        return settle(cutover)
    try:
        cutover.run_by_patroni() if settings["method"] == "patroni" else cutover.run()
    except Exception as error:
        say(failed=str(error) or type(error).__name__, stage=cutover.stage())
        settle(cutover)
        sys.exit(1)


if __name__ == "__main__":
    main()
