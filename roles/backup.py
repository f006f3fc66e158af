#!/usr/bin/python3
"""Makes a cluster's backups on the one member that should make them, and looks after the archive of its log.

due TYPE    asked by the timers on every member: starts the backup where this member is the one to make it
make TYPE   makes it, in every repository; the unit phasewise-backup@TYPE
watch       asked twice a minute: ends a time in which log is given up, makes up for missed backups, tells numbers
where       the name of the member that would make a backup now
gaps        what was given up of the log, as JSON: {"open": [gap], "past": [gap]}, each with its repository
verify      reads all that the repositories hold
"""

import datetime
import fcntl
import json
import os
import re
import subprocess
import sys
import time

SETTINGS = "/etc/phasewise/backup/settings.json"
BUSY = 75
"""Exit status where another backup is being made (EX_TEMPFAIL): nothing failed."""
LOCKED = 50
"""Of pgBackRest: it could not get its lock."""
NEAR = 64 * 1024 * 1024
"""A standby that is further behind (bytes) makes the primary wait at the backup's end."""
LATE = 600
"""Seconds after which a backup that should have begun is made up for, and a failed one is tried again."""
FIRST_LATE = 120
"""The same while there is no backup at all: until then nothing can be restored (seconds)."""
INFO_EVERY = 300
"""Seconds for which what the repository said is good enough."""
DAY = 86400


def choose(members):
    """Who makes a backup: a standby that streams and is near, rather one that no commit waits for; else the leader.

    `members` as Patroni's GET /cluster has them. None while nobody leads: the standbys' fate is not decided then.
    """
    leaders = [one["name"] for one in members if one["role"] in ("leader", "standby_leader")]
    if not leaders:
        return None
    near = [
        one
        for one in members
        if one["role"] in ("replica", "sync_standby", "quorum_standby")
        and one["state"] == "streaming"
        and isinstance(one.get("lag"), int)
        and one["lag"] <= NEAR
    ]
    near.sort(key=lambda one: (one["role"] != "replica", one["name"]))
    return near[0]["name"] if near else leaders[0]


def scheduled(now, at, full_on):
    """The last two appointments before `now`: (when the last one was, its type, when the last full one was).

    `at` in minutes after midnight UTC, `full_on` 0 for Monday; times in seconds since 1970.
    """
    last = now - (now - at * 60) % DAY
    weekday = datetime.datetime.fromtimestamp(last, datetime.timezone.utc).weekday()
    full = last - (weekday - full_on) % 7 * DAY
    return last, "full" if full == last else "diff", full


def missed(now, at, full_on, backups, attempt):
    """The type of a backup that should have been made by now, else None.

    `backups` as pgBackRest lists the good ones of a repository, `attempt` the start of the last try (seconds, 0 for
    none), without a backup at least the time of the first look: who makes the cluster begins its first one.
    """
    if not backups:
        return "full" if now - attempt >= FIRST_LATE else None
    last, kind, full = scheduled(now, at, full_on)
    if now - last < LATE or now - attempt < LATE:
        return None
    if max((one["timestamp"]["start"] for one in backups if one["type"] == "full"), default=0) < full:
        # The one of the last week may be in the making for a day: only what was begun after it counts.
        return "full"
    return kind if max(one["timestamp"]["start"] for one in backups) < last else None


def place(segment):
    """Of a segment in the log, whatever its timeline; in segments of 16 MB."""
    return int(segment[8:16], 16) * 256 + int(segment[16:24], 16)


def unsure(status, timeline, newest):
    """Files of `pg_wal/archive_status` about segments of earlier timelines that count as archived and may not be.

    `newest` is the last segment that the repository has, None where nobody knows. Two are sent at a time: of those
    before it some may be missing, and no others.
    """
    done = [name for name in status if re.fullmatch(r"[0-9A-F]{24}\.done", name)]
    first = 0 if newest is None else place(newest) - 4
    return sorted(name for name in done if int(name[:8], 16) < timeline and place(name) >= first)


def newest_everywhere(info, stanza):
    """The last segment that all repositories have which say what they have, on any timeline; None where nobody does."""
    found = next((one for one in info if one["name"] == stanza), {"archive": []})
    keys = {one["key"] for one in found.get("repo", [])} or {1}
    ends = [
        max(
            (
                one["max"]
                for one in found["archive"]
                if one.get("max") and one.get("database", {}).get("repo-key", 1) == key
            ),
            key=place,
            default=None,
        )
        for key in keys
    ]
    return min((end for end in ends if end is not None), key=place, default=None)


def gap_of(lines):
    """What `archive-push` wrote down of log that it gave up, as one gap; None where there is nothing.

    A line is `<second> <segment> <first commit, or nothing>`.
    """
    entries = [line.split(" ", 2) for line in lines if line.strip()]
    entries = [entry for entry in entries if len(entry) >= 2 and entry[0].isdigit()]
    if not entries:
        return None
    segments = [entry[1] for entry in entries if re.fullmatch(r"[0-9A-F]{24}", entry[1])]
    commits = [entry[2].strip() for entry in entries if len(entry) == 3 and entry[2].strip()]
    return {
        "from": seconds_of(commits[0]) if commits else int(entries[0][0]),
        "last": int(entries[-1][0]),
        "firstSegment": segments[0] if segments else entries[0][1],
        "lastSegment": segments[-1] if segments else entries[-1][1],
        "segments": len(set(segments)),
    }


def seconds_of(text):
    """Of PostgreSQL's `2026-11-21 09:30:00.123456 UTC`, rounded down: nothing after it is promised."""
    return int(datetime.datetime.fromisoformat(text.replace(" UTC", "+00:00")).timestamp())


def closed(gap, backups):
    """The gap with its end, where a whole backup was begun after the last lost segment; else None."""
    after = [
        one for one in backups if one["type"] == "full" and one["timestamp"]["start"] > gap["last"]
    ]
    if not after:
        return None
    first = min(after, key=lambda one: one["timestamp"]["stop"])
    return {**gap, "to": first["timestamp"]["stop"], "backup": first["label"]}


def good(info, stanza, repository):
    """The backups of one repository without an error, and whether it answers; `info` as pgBackRest prints it."""
    found = next((one for one in info if one["name"] == stanza), None)
    if found is None:
        return [], False
    repo = next((one for one in found.get("repo", []) if one["key"] == repository), None)
    answers = repo is not None and repo["status"]["code"] in (0, 2)
    backups = [
        one
        for one in found["backup"]
        if not one.get("error") and one["database"]["repo-key"] == repository
    ]
    return backups, answers


def exposition(metrics):
    """Prometheus' text of (name, help, [(labels, value)]); a value of None is left out."""
    lines = []
    for name, text, samples in metrics:
        known = [(labels, value) for labels, value in samples if value is not None]
        if known:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        for labels, value in known:
            inner = ",".join(f'{key}="{one}"' for key, one in labels.items())
            lines.append(f"{name}{{{inner}}} {value}")
    return "\n".join(lines) + "\n"


class Machine:
    """What the program does on the machine."""

    def __init__(self, settings):
        self.settings = settings
        self.stanza = settings["stanza"]
        self.spool = settings["spool"]
        # PostgreSQL and the repositories are its owner's.
        whose = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self.owner = whose if os.getuid() == 0 else {}

    def path(self, name, repository=1):
        """What is about the log of one of several repositories lies where that is sent from (see archivePush.ts)."""
        return os.path.join(self.spool, *([] if repository == 1 else [str(repository)]), name)

    def pgbackrest(self, *arguments, repository=None):
        repo = [] if repository is None else [f"--repo={repository}"]
        return ["pgbackrest", f"--stanza={self.stanza}", *repo, *arguments]

    def sql(self, text):
        command = ["psql", "-h", self.settings["socket"], "-d", "postgres", "-XAtqc", text]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30, **self.owner)
        return done.stdout.strip()

    def members(self):
        """What Patroni says of the cluster's members; as root."""
        tls = "/etc/phasewise/tls/root"
        trust = ["--cacert", f"{tls}/ca.pem", "--cert", f"{tls}/node.pem", "--key", f"{tls}/node.key"]
        url = f"https://{self.settings['address']}:{self.settings['patroni']}/cluster"
        command = ["curl", "-sS", "--fail", "--max-time", "10", *trust, url]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return json.loads(answer)["members"]

    def info(self):
        """What the repositories hold; None where they do not answer."""
        command = self.pgbackrest("--io-timeout=2", "--output=json", "info")
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, **self.owner)
        # Its messages of errors have line ends in them, which only the lenient reader takes.
        return json.loads(done.stdout, strict=False) if done.returncode == 0 else None

    def read(self, name, otherwise, repository=1):
        try:
            with open(self.path(name, repository), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return otherwise
        except ValueError:
            # The machine went down while it was written, before there was a way to write it whole.
            return otherwise

    def write(self, name, value, repository=1):
        path = self.path(name, repository)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{path}.new", path)

    def lost(self, repository):
        try:
            with open(self.path("given-up", repository), encoding="utf-8") as file:
                return gap_of(file.readlines())
        except FileNotFoundError:
            return None

    def try_again(self, repository):
        """Log is sent again, wherever it was given up because the storage did not answer."""
        try:
            os.unlink(self.path("giving-up", repository))
        except FileNotFoundError:
            pass

    def settle(self, gap, repository):
        """Writes the ended gap to the others, unless more was given up meanwhile."""
        with open(self.path("given-up.lock", repository), "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            giving_up = os.path.exists(self.path("giving-up", repository))
            if giving_up or self.lost(repository)["last"] != gap["last"]:
                return False
            gaps = [one for one in self.read("gaps.json", [], repository) if one["from"] != gap["from"]]
            self.write("gaps.json", [*gaps, gap], repository)
            os.unlink(self.path("given-up", repository))
            return True

    def gaps(self):
        """What was given up, in each repository: (open, past)."""
        opened, past = [], []
        for repository in self.settings["repositories"]:
            lost = self.lost(repository)
            opened += [{**lost, "repository": repository}] if lost else []
            past += [{**gap, "repository": repository} for gap in self.read("gaps.json", [], repository)]
        return opened, past

    def send_again(self, info, answered):
        """A standby counts what it streamed as archived, and the primary that was lost may not have sent the last of
        it: that is sent again. pgBackRest knows what it has.

        Of several repositories one that does not say so may lack what is here no longer: it counts as lost from when
        that one last answered. `answered` as `answers_of` has it."""
        current = self.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
        timeline = int(current[:8], 16)
        repositories = self.settings["repositories"]
        silent = [one for one in repositories if not good(info or [], self.stanza, one)[1]]
        for repository in silent if len(repositories) > 1 else []:
            self.give_up(repository, current, answered.get(str(repository), 0))
        folder = os.path.join(self.settings["data"], "pg_wal", "archive_status")
        names = unsure(os.listdir(folder), timeline, newest_everywhere(info or [], self.stanza))
        for name in names:
            os.rename(os.path.join(folder, name), os.path.join(folder, name.replace(".done", ".ready")))
        if names:
            print(f"This is the primary now: {len(names)} segments from before are sent again.", flush=True)

    def give_up(self, repository, segment, since):
        """As `archive-push` writes it down."""
        moment = datetime.datetime.fromtimestamp(since, datetime.timezone.utc) if since else None
        text = moment.strftime("%Y-%m-%d %H:%M:%S UTC") if moment else ""
        with open(self.path("given-up.lock", repository), "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with open(self.path("given-up", repository), "a", encoding="utf-8") as file:
                file.write(f"{int(time.time())} {segment} {text}\n")
                file.flush()
                os.fsync(file.fileno())
                # PostgreSQL's owner adds to it.
                owner = os.stat(self.spool)
                for one in (file, lock):
                    os.fchown(one.fileno(), owner.st_uid, owner.st_gid)
        print(f"Repository {repository} does not say which log it has: what it lacks is given up.", flush=True)

    def leads(self):
        """Whether the primary is here; None where PostgreSQL does not answer."""
        try:
            return self.sql("SELECT pg_is_in_recovery()") == "f"
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None

    def active(self):
        """Whether a backup is being made here."""
        units = ["phasewise-backup@full.service", "phasewise-backup@diff.service"]
        states = subprocess.run(["systemctl", "is-active", *units], capture_output=True, text=True).stdout
        return "activating" in states

    def stop(self):
        """A backup that was begun on a standby needs the primary that was there then, and may wait long for it."""
        print("The primary was lost: the backup that was being made here is ended.", flush=True)
        subprocess.run(["systemctl", "stop", "phasewise-backup@full.service", "phasewise-backup@diff.service"], check=True)

    def wish(self):
        """What `start` wrote down, once; None where it did not."""
        wish = self.read("wanted.json", None)
        if wish is not None:
            os.unlink(self.path("wanted.json"))
        return wish

    def start(self, kind, repositories=None):
        """`repositories`: which alone want one; None for all."""
        if repositories is not None:
            self.write("wanted.json", {"at": int(time.time()), "repositories": repositories})
        subprocess.run(
            ["systemctl", "start", "--no-block", f"phasewise-backup@{kind}.service"], check=True
        )


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


def wanted(wish, repositories, now):
    """In which repositories a backup is made: what `start` wrote down counts for the start that follows it alone."""
    fresh = wish is not None and 0 <= now - wish["at"] < 60
    return [one for one in repositories if one in wish["repositories"]] if fresh else repositories


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


def answers_of(before, info, stanza, repositories, now):
    """When each repository last answered, by its number as JSON keeps it; 0 for never."""
    said = {str(one): good(info or [], stanza, one)[1] for one in repositories}
    return {key: now if said[key] else before.get(key, 0) for key in said}


def failures(attempt, newest, active):
    """In which repositories the last try on this machine failed and no backup was made since.

    `newest`: by repository, when its newest good one was finished, or None.
    """
    if active:
        return []
    results = attempt.get("results", {})
    return [
        one
        for one in attempt.get("repositories", newest)
        if results.get(str(one), attempt["status"]) not in (0, BUSY, LOCKED)
        and attempt["started"] > (newest.get(one) or 0)
    ]


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
