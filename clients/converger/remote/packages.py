"""Debian packages: all that are missing in one transaction, during which nothing starts by itself."""

import os

from system import Failure, must, run

POLICY = "/usr/sbin/policy-rc.d"
POLICY_SAVED = "/usr/sbin/policy-rc.d.before-phasewise"
POLICY_MARK = "# phasewise: nothing starts while packages are installed"
POLICY_TEXT = f"#!/bin/sh\n{POLICY_MARK}\nexit 101\n"
APT = [
    "apt-get",
    "-y",
    "-q",
    "-o", "DPkg::Lock::Timeout=180",
    "-o", "Dpkg::Options::=--force-confdef",
    "-o", "Dpkg::Options::=--force-confold",
    "-o", "Acquire::Retries=3",
]  # fmt: skip


def parse_query(output):
    """Of `dpkg-query -W -f '${Package} ${db:Status-Abbrev}'`: (installed, held), two sets of names."""
    installed, held = set(), set()
    for line in output.splitlines():
        name, _, status = line.partition(" ")
        if status[1:2] == "i":
            installed.add(name)
        if status[:1] == "h":
            held.add(name)
    return installed, held


def query():
    """What is installed and held, of the whole machine."""
    done = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n"], merge=False)
    return parse_query(done.output)


def install(names, reporter, stop):
    """Installs `names` without what they merely recommend.

    Repairs a transaction that was interrupted; reads the package lists again where they are missing or stale.
    """
    restore_policy()
    with_policy()
    try:
        must(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"], "an interrupted installation could not be finished")
        command = [*APT, "--no-install-recommends", "install", *names]
        reporter.progress(f"installing {len(names)} packages")
        done = run(command, timeout=stop.remaining(1800)) if lists_present() else None
        if done is None or not done.ok:
            reporter.progress("reading package lists")
            must([*APT, "update"], "package lists cannot be read", timeout=stop.remaining(600))
            reporter.progress(f"installing {len(names)} packages")
            done = run(command, timeout=stop.remaining(1800))
        if not done.ok:
            raise Failure(f"packages could not be installed: {', '.join(names)}", done.output)
    finally:
        restore_policy()
    for name in names:
        reporter.changed("package", name, "installed")


def set_holds(hold, release, reporter):
    lines = [f"{name} hold" for name in hold] + [f"{name} install" for name in release]
    if not lines:
        return
    must(["dpkg", "--set-selections"], "packages could not be held", stdin="\n".join(lines) + "\n")
    for name in hold:
        reporter.changed("package", name, "held")
    for name in release:
        reporter.changed("package", name, "no longer held")


def lists_present():
    try:
        return any(name.endswith(("_Packages", "_Packages.lz4", "_Packages.xz")) for name in os.listdir("/var/lib/apt/lists"))
    except FileNotFoundError:
        return False


def with_policy():
    if os.path.exists(POLICY):
        os.rename(POLICY, POLICY_SAVED)
    with open(POLICY, "w", encoding="ascii") as file:
        file.write(POLICY_TEXT)
        os.fchmod(file.fileno(), 0o755)


def restore_policy():
    """Removes our policy, also one that a killed predecessor left, and puts back the one that was there."""
    try:
        with open(POLICY, encoding="utf-8") as file:
            if POLICY_MARK in file.read() or os.path.exists(POLICY_SAVED):
                os.unlink(POLICY)
    except FileNotFoundError:
        pass
    if os.path.exists(POLICY_SAVED):
        os.rename(POLICY_SAVED, POLICY)
