"""What is decided about backups and about the log that their archive lacks, from what Patroni, pgBackRest and the
machine say: nothing here looks or acts."""

import datetime
import re

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


def wanted(wish, repositories, now):
    """In which repositories a backup is made: what `start` wrote down counts for the start that follows it alone."""
    fresh = wish is not None and 0 <= now - wish["at"] < 60
    return [one for one in repositories if one in wish["repositories"]] if fresh else repositories


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
