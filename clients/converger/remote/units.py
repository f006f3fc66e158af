"""systemd units: their state, and bringing them to it."""

from report import excerpt, tail
from system import Failure, run

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "CanReload",
    "NeedDaemonReload",
    "InactiveExitTimestampMonotonic",
    "ExecMainStartTimestampMonotonic",
)
# Nothing to enable: started by others, made at run time, or another unit's name.
NOT_ENABLED_BY_HAND = {"enabled", "static", "alias", "generated", "indirect", "transient"}
# Enabling only makes links; systemd reads them at the next boot, or with the next daemon-reload.
FLAGS = {"enable": ["--no-reload"], "disable": ["--no-reload"]}
UP = {"active", "reloading", "refreshing"}


class UnitStatus:
    """One unit as systemd sees it."""

    def __init__(self, values):
        self.exists = values.get("LoadState") not in ("not-found", None)
        self.load = values.get("LoadState", "not-found")
        self.active = values.get("ActiveState", "inactive")
        self.file_state = values.get("UnitFileState", "")
        self.can_reload = values.get("CanReload") == "yes"
        self.stale = values.get("NeedDaemonReload") == "yes"
        begun = int(values.get("InactiveExitTimestampMonotonic") or 0)
        main = int(values.get("ExecMainStartTimestampMonotonic") or 0)
        # A service that restarts by itself leaves "inactive" once only: its main process tells.
        self.started_usec = max(begun, main)

    @property
    def up(self):
        return self.active in UP


def parse_show(output, names):
    """`systemctl show` prints a block a unit, in the order asked for."""
    blocks = [block for block in output.strip("\n").split("\n\n") if block]
    found = {}
    for name, block in zip(names, blocks):
        found[name] = UnitStatus(dict(line.split("=", 1) for line in block.splitlines() if "=" in line))
    return found


def show(names):
    """The status of each of `names`; one call for all."""
    names = list(dict.fromkeys(names))
    if not names:
        return {}
    done = run(["systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", *names], merge=False)
    found = parse_show(done.output, names)
    if not done.ok or len(found) != len(names):
        raise Failure(f"systemd does not say how {', '.join(names)} are", done.output)
    return found


def unit_differences(wanted, status):
    """What is to be done to a unit: any of enable, start, stop, disable."""
    if wanted["state"] == "stopped":
        stop = ["stop"] if status.active not in ("inactive", "failed") else []
        return stop + (["disable"] if status.file_state in ("enabled", "enabled-runtime") else [])
    enable = [] if status.file_state in NOT_ENABLED_BY_HAND else ["enable"]
    running = wanted["state"] != "running" or status.up
    return enable + ([] if running else ["start"])


def daemon_reload():
    act(["systemctl", "daemon-reload"], [])


def reload_where_stale(names):
    """What was enabled without a reload makes systemd warn of every unit, to whoever looks at one."""
    if any(status.stale for status in show(names).values()):
        daemon_reload()


def ensure_units(wanted, reporter):
    """Brings the units of one role to their states; those to be started are started together."""
    statuses = show(unit["name"] for unit in wanted)
    todo = {unit["name"]: unit_differences(unit, statuses[unit["name"]]) for unit in wanted}
    for unit in wanted:
        name = unit["name"]
        if unit["state"] != "stopped" and not statuses[name].exists:
            raise Failure(f"there is no unit {name} on the machine: no package or file of the role brings it")
    for action in ("stop", "disable", "enable", "start"):
        names = [name for name, actions in todo.items() if action in actions]
        if not names:
            continue
        reporter.progress(f"{action} {', '.join(names)}")
        if action == "start":
            run(["systemctl", "reset-failed", "--", *names])
        act(["systemctl", "--quiet", *FLAGS.get(action, []), action, "--", *names], names)
        for name in names:
            reporter.changed("unit", name, action)
    refresh_flags([unit for unit in wanted if {"enable", "disable"} & set(todo[unit["name"]])])


def refresh_flags(units):
    """What systemd keeps in memory of a unit it knew before says otherwise until it reads its files again."""
    statuses = show(unit["name"] for unit in units)
    if any({"enable", "disable"} & set(unit_differences(unit, statuses[unit["name"]])) for unit in units):
        daemon_reload()


def remove_unit(name, reporter):
    """Stops and disables a unit that no manifest names any longer."""
    status = show([name])[name]
    if not status.exists:
        return
    if unit_differences({"state": "stopped"}, status):
        act(["systemctl", "--quiet", "disable", "--now", "--", name], [name])
        reporter.changed("unit", name, "stopped and disabled")


def reload_unit(name, status, reporter):
    if not status.can_reload:
        raise Failure(
            f"{name} cannot reload its configuration; its role must ask for restart or pending (onChange)"
        )
    act(["systemctl", "reload", "--", name], [name])
    reporter.changed("unit", name, "reload")


def restart_unit(name, reporter):
    run(["systemctl", "reset-failed", "--", name])
    act(["systemctl", "restart", "--", name], [name])
    reporter.changed("unit", name, "restart")


def act(command, units):
    done = run(command)
    if not done.ok:
        what = " ".join(part for part in command[1:] if part not in ("--", "--quiet"))
        raise Failure(f"systemctl {what} failed", done.output, units)


def journal(units, lines=300):
    """What the last lines of each unit's journal have to say: [{unit, lines}]."""
    found = []
    for unit in dict.fromkeys(units):
        done = run(["journalctl", "--no-pager", "-q", "-o", "short-iso", "-n", str(lines), "-u", unit], timeout=10)
        found.append({"unit": unit, "lines": excerpt(tail(done.output, lines))})
    return found
