"""What a written file asks of running units, remembered from before the write until it is done.

A run that is killed between a write and its reload leaves the duty behind, and the next run does it.
"""

import datetime

import units
from system import boot_id, monotonic_usec

OWED = "owed.json"
PENDING = "pending.json"


def still_owed(owed, statuses, boot):
    """The duties that are not settled: a unit that is down, or has started since, has read its files anew."""
    kept = []
    for duty in owed:
        if duty["boot"] != boot:
            continue
        status = statuses.get(duty["unit"]) if duty["unit"] else None
        if duty["unit"] and (status is None or not alive(status) or status.started_usec > duty["usec"]):
            continue
        kept.append(duty)
    return kept


def still_pending(pending, statuses, boot, digests):
    """The restarts that are still needed; none where the file is again what the unit started with."""
    kept = {}
    for unit, entry in pending.items():
        status = statuses.get(unit)
        if entry["boot"] != boot or status is None or not alive(status) or status.started_usec > entry["usec"]:
            continue
        files = {path: was for path, was in entry["files"].items() if digests.get(path) != was}
        if files:
            kept[unit] = {**entry, "files": files}
    return kept


def alive(status):
    return status.up or status.active == "activating"


def pending_report(pending):
    """As the resource shows it: [{unit, reason}]."""
    return [
        {"unit": unit, "reason": f"changed since it started: {', '.join(sorted(entry['files']))}"}
        for unit, entry in sorted(pending.items())
    ]


class Duties:
    def __init__(self, state):
        self.state = state
        self.boot = boot_id()

    def before_write(self, wanted, was, reload_units):
        """Called before a file is replaced; `was` is its content until now or None."""
        owed = self.state.load(OWED, [])
        pending = self.state.load(PENDING, {})
        now = monotonic_usec()
        if reload_units:
            owed.append(self._duty("daemon-reload", "", wanted["path"], now))
        for change in wanted.get("onChange") or []:
            if change["action"] == "pending":
                entry = pending.setdefault(change["unit"], {"files": {}})
                entry.update(boot=self.boot, usec=now, since=datetime.datetime.now(datetime.UTC).isoformat())
                entry["files"].setdefault(wanted["path"], None if was is None else self.state.digest(was))
            else:
                owed.append(self._duty(change["action"], change["unit"], wanted["path"], now))
        self.state.save(PENDING, pending)
        self.state.save(OWED, owed)

    def _duty(self, action, unit, path, now):
        return {"action": action, "unit": unit, "path": path, "boot": self.boot, "usec": now}

    def owed(self):
        owed = self.state.load(OWED, [])
        if not owed:
            return []
        return still_owed(owed, units.show(duty["unit"] for duty in owed if duty["unit"]), self.boot)

    def settle_reload(self):
        """daemon-reload where a unit file was written."""
        owed = self.owed()
        if any(duty["action"] == "daemon-reload" for duty in owed):
            units.daemon_reload()
            owed = [duty for duty in owed if duty["action"] != "daemon-reload"]
        self.state.save(OWED, owed)

    def settle(self, later, reporter):
        """Reloads and restarts what is owed, but for the units in `later`, whose role is still to come."""
        owed = self.owed()
        self.state.save(OWED, owed)
        names = dict.fromkeys(duty["unit"] for duty in owed if duty["unit"] and duty["unit"] not in later)
        statuses = units.show(names)
        for name in names:
            actions = {duty["action"] for duty in owed if duty["unit"] == name}
            reporter.progress(f"{'restart' if 'restart' in actions else 'reload'} {name}")
            if "restart" in actions:
                units.restart_unit(name, reporter)
            else:
                units.reload_unit(name, statuses[name], reporter)
            owed = [duty for duty in owed if duty["unit"] != name]
            self.state.save(OWED, owed)

    def pending(self, digest_of):
        """The restarts still pending; forgets the others. `digest_of(path)` is the file's digest now, or None."""
        pending = self.state.load(PENDING, {})
        if not pending:
            return []
        paths = {path for entry in pending.values() for path in entry["files"]}
        digests = {path: digest_of(path) for path in paths}
        kept = still_pending(pending, units.show(pending), self.boot, digests)
        self.state.save(PENDING, kept)
        return pending_report(kept)
