#!/usr/bin/python3 -B
"""Makes a cluster's backups on the one member that should make them, and looks after the archive of its log.

due TYPE    asked by the timers on every member: starts the backup where this member is the one to make it
make TYPE   makes it, in every repository; the unit phasewise-backup@TYPE
watch       asked twice a minute: ends a time in which log is given up, makes up for missed backups, tells numbers
where       the name of the member that would make a backup now
gaps        what was given up of the log, as JSON: {"open": [gap], "past": [gap]}, each with its repository
verify      reads all that the repositories hold
"""

import json
import os
import re
import subprocess
import sys
import time

from backupMachine import Machine
from backupRules import BUSY, LOCKED, answers_of, choose, closed, exposition, failures, good, missed, wanted

SETTINGS = "/etc/phasewise/backup/settings.json"
INFO_EVERY = 300
"""Seconds for which what the repository said is good enough."""


def due(machine, kind):
    chosen = choose(machine.members())
    if chosen is None:
        print("Nobody leads the cluster: asked again in half a minute.", file=sys.stderr)
        return 1
    if chosen != machine.settings["name"]:
        print(f"{chosen} makes the backup.")
        return 0
    machine.start(kind)
    return 0


def make(machine, kind):
    """In every repository, or those alone that lack one, whatever happened in the one before. The attempt is written
    down first: a backup that was killed is one that failed."""
    now = int(time.time())
    repositories = wanted(machine.wish(), machine.settings["repositories"], now)
    results = {}
    attempt = {
        **{"type": kind, "started": now, "ended": None, "status": None},
        **{"repositories": repositories, "results": results},
    }
    machine.write("attempt.json", attempt)
    for repository in repositories:
        # Where the storage is just back: a backup wants the log of its own time.
        machine.try_again(repository)
        peers = machine.settings["peers"]
        standby = [f"--config-include-path={peers}", "--backup-standby=prefer"] if peers else []
        command = machine.pgbackrest(f"--type={kind}", *standby, "backup", repository=repository)
        if len(machine.settings["repositories"]) > 1:
            print(f"Repository {repository}:", flush=True)
        results[str(repository)] = subprocess.run(command).returncode
        machine.write("attempt.json", attempt)
    said = list(results.values())
    if all(status in (0, LOCKED) for status in said) and LOCKED in said:
        print("Another backup is being made: this one was not begun.", file=sys.stderr)
        status = BUSY
    else:
        status = next((one for one in said if one != 0), 0)
    machine.write("attempt.json", {**attempt, "ended": int(time.time()), "status": status})
    return status


def verify(machine):
    """`verify` exits with 0 whatever it found: its words tell."""
    if machine.sql("SELECT pg_is_in_recovery()") == "t":
        print("This machine is a standby: the primary looks through the repository.")
        return 0
    status = 0
    for repository in machine.settings["repositories"]:
        command = machine.pgbackrest("--output=text", "--verbose", "verify", repository=repository)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(f"repository {repository}:\n{done.stdout}", flush=True)
        if done.returncode != 0 or not re.search(r"^status: ok", done.stdout, re.MULTILINE):
            status = 1
    return status


def watch(machine):
    now = int(time.time())
    leads = machine.leads()
    state = machine.read("watch.json", {"asked": 0, "answered": 0, "info": []})
    repositories = machine.settings["repositories"]
    opened, _ = machine.gaps()
    active = machine.active()
    attempt = machine.read("attempt.json", {"type": None, "started": 0, "ended": 0, "status": 0})
    finished = (attempt["ended"] or 0) > state["asked"]
    giving_up = [one for one in repositories if os.path.exists(machine.path("giving-up", one))]
    some = all(good(state["info"] or [], machine.stanza, one)[0] for one in repositories)
    every = 30 if opened or not some else INFO_EVERY
    if giving_up or finished or now - state["asked"] >= every or now < state["asked"]:
        info = machine.info()
        since = state.get("since", now)
        state = {**state, "since": since, "asked": now, "info": info}
        state["answers"] = answers_of(state.get("answers", {}), info, machine.stanza, repositories, now)
        awaited = state.get("awaited", {})
        state["awaited"] = {str(one): awaited.get(str(one), now) for one in repositories}
    if leads and state.get("led") is False:
        machine.send_again(machine.info(), state.get("answers", {}))
        if active:
            machine.stop()
    if leads is not None:
        state["led"] = leads
    machine.write("watch.json", state)
    told = {key: good(state["info"] or [], machine.stanza, key) for key in repositories}
    for repository in repositories:
        lost = machine.lost(repository)
        if lost is not None:
            settle_gap(machine, repository, lost, *told[repository], attempt, now)
        elif repository in giving_up and told[repository][1]:
            os.unlink(machine.path("giving-up", repository))
    if not active:
        make_up(machine, state, told, attempt, now)
    tell(machine, leads, state, told, attempt, active)
    return 0


def settle_gap(machine, repository, lost, backups, answers, attempt, now):
    """Log is taken again as soon as the storage answers, and a full backup begins there (see `make_up`). The gap ends
    with that."""
    whose = f"Repository {repository}: " if len(machine.settings["repositories"]) > 1 else ""
    over = closed(lost, backups)
    if over is not None and machine.settle(over, repository):
        print(f"{whose}any point in time can be restored again from {over['backup']} on.", flush=True)
        return
    path = machine.path("giving-up", repository)
    if not os.path.exists(path):
        return
    if answers:
        print(f"{whose}the storage answers, and log is archived again.", flush=True)
        os.unlink(path)
    else:
        # Else `archive-push` would try by itself: nobody might be looking.
        os.utime(path)


def make_up(machine, state, told, attempt, now):
    """Begins the backup that repositories lack which answer: each is judged by what it has itself."""
    kinds = {}
    for repository, (backups, answers) in told.items():
        if answers:
            kinds[repository] = lacking(machine, state, repository, backups, attempt, now)
    lack = {one: kind for one, kind in kinds.items() if kind is not None}
    if not lack:
        return
    # Who lost log makes up for it: nobody else knows.
    own = any(machine.lost(one) is not None for one in lack)
    if not own and choose(machine.members()) != machine.settings["name"]:
        return
    kind = "full" if "full" in lack.values() else "diff"
    alike = sorted(one for one, wish in lack.items() if wish == kind)
    why = "log was given up" if own else "it should have been made by now"
    print(f"A {kind} backup begins: {why}.", flush=True)
    machine.start(kind, None if alike == machine.settings["repositories"] else alike)


def lacking(machine, state, repository, backups, attempt, now):
    """What a repository that answers needs now, else None."""
    lost = machine.lost(repository)
    tried = attempt["started"] if repository in attempt.get("repositories", [repository]) else 0
    if lost is not None:
        waits = tried > lost["last"] and now - tried < 60
        return None if waits or os.path.exists(machine.path("giving-up", repository)) else "full"
    settings = machine.settings
    since = tried if backups else max(tried, state.get("since", now))
    return missed(now, settings["at"], settings["fullOn"], backups, since)


def tell(machine, leads, state, told, attempt, active):
    """Numbers for Prometheus, by the node exporter."""
    folder = machine.settings["textfiles"]
    if not folder or not os.path.isdir(folder):
        return
    cluster = {"cluster": machine.stanza}
    each = [(one, {**cluster, "repository": one}) for one in machine.settings["repositories"]]
    newest = {
        key: max((one["timestamp"]["stop"] for one in backups), default=None) for key, (backups, _) in told.items()
    }
    failed = failures(attempt, newest, active)
    lost = {one: machine.lost(one) for one, _ in each}
    answered, awaited = state.get("answers", {}), state.get("awaited", {})
    metrics = [
        (
            "phasewise_backup_newest_timestamp_seconds",
            "When the newest good backup was finished",
            [(labels, newest[one]) for one, labels in each],
        ),
        ("phasewise_backup_running", "Whether one is being made here", [(cluster, int(active))]),
        (
            "phasewise_backup_failed",
            "Whether the last try on this machine failed and none was made since",
            [(labels, int(one in failed)) for one, labels in each],
        ),
        (
            "phasewise_repository_answered_timestamp_seconds",
            "When the repositories last answered; before their first answer when they were first asked",
            [(labels, answered.get(str(one)) or awaited.get(str(one))) for one, labels in each],
        ),
        (
            "phasewise_archive_gap",
            "Whether log was given up and no backup was made since",
            [(labels, int(lost[one] is not None)) for one, labels in each],
        ),
        (
            "phasewise_archive_gap_from_timestamp_seconds",
            "From when on no point in time can be restored",
            [(labels, lost[one]["from"] if lost[one] else None) for one, labels in each],
        ),
    ]
    if leads:
        metrics += archive_metrics(machine, cluster, each)
    path = os.path.join(folder, "phasewise-backup.prom")
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(exposition(metrics))
    os.chmod(f"{path}.new", 0o644)
    os.replace(f"{path}.new", path)


def archive_metrics(machine, cluster, each):
    """`each`: the repositories with their labels. Where there are several, `archive-push` marks the one that refuses."""
    row = machine.sql(
        "SELECT coalesce(extract(epoch FROM last_archived_time)::bigint::text, ''), "
        "coalesce((last_failed_time > coalesce(last_archived_time, '-infinity'))::int, 0), "
        "(SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'), "
        "(SELECT coalesce(extract(epoch FROM clock_timestamp() - min(modification))::bigint, 0) "
        "FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') FROM pg_stat_archiver"
    )
    archived, failing, waiting, oldest = row.split("|")
    blamed = [one for one, _ in each if os.path.exists(machine.path("failing", one))] or [one for one, _ in each]
    return [
        ("phasewise_archive_last_timestamp_seconds", "When a segment was last archived", [(cluster, archived or None)]),
        (
            "phasewise_archive_failing",
            "Whether the last try failed",
            [(labels, failing if one in blamed else 0) for one, labels in each],
        ),
        ("phasewise_archive_waiting_segments", "Segments of the log that wait", [(cluster, waiting)]),
        ("phasewise_archive_oldest_waiting_seconds", "For how long the oldest one waits", [(cluster, oldest)]),
    ]


def main(arguments):
    with open(SETTINGS, encoding="utf-8") as file:
        machine = Machine(json.load(file))
    match arguments:
        case ["due", ("full" | "diff") as kind]:
            return due(machine, kind)
        case ["make", ("full" | "diff") as kind]:
            return make(machine, kind)
        case ["watch"]:
            return watch(machine)
        case ["verify"]:
            return verify(machine)
        case ["where"]:
            print(choose(machine.members()) or "")
            return 0
        case ["gaps"]:
            opened, past = machine.gaps()
            print(json.dumps({"open": opened, "past": past}))
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
