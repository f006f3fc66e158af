"""Brings the machine to its manifest, role by role. Every action looks first, so a killed run can be repeated."""

import os
import socket

import hostkey
import packages
import units
from duties import Duties
from files import content_of, ensure_directory, ensure_file, is_unit_file, remove_file
from masking import Mask
from mounts import ensure_mount
from record import EMPTY, RECORD, after, dropped, merged, wanted_record
from state import write_atomically
from steps import run_step, wait_ready
from survey import Survey


class Job:
    """One manifest with its secrets, and what is known from earlier runs."""

    def __init__(self, payload, state, reporter, stop):
        self.manifest = payload["manifest"]
        self.secrets = payload.get("secrets") or {}
        self.host_key = payload.get("hostKey")
        self.state = state
        self.reporter = reporter
        self.stop = stop
        self.mask = mask_of(payload)
        self.old_record = state.load(RECORD, EMPTY)
        self.duties = Duties(state)


def mask_of(payload):
    hidden = dict(payload.get("secrets") or {})
    if payload.get("hostKey"):
        hidden["host key"] = payload["hostKey"]["privateKey"]
    return Mask(hidden)


def converge(job):
    """True if anything had to be done."""
    packages.restore_policy()
    found = Survey(job).differences("if-same")
    new = wanted_record(job.manifest)
    if not found:
        job.state.save(RECORD, after(job.old_record, new))
        announce_kept(job, new)
        return False
    job.state.save(RECORD, merged(job.old_record, new))
    apply_machine(job, new)
    for index, role in enumerate(job.manifest["roles"]):
        job.reporter.role = role["name"]
        later = {unit["name"] for other in job.manifest["roles"][index + 1 :] for unit in other["units"]}
        apply_role(job, role, later)
    job.reporter.role = None
    job.duties.settle(set(), job.reporter)
    units.reload_where_stale(unit["name"] for role in job.manifest["roles"] for unit in role["units"])
    job.state.save(RECORD, after(job.old_record, new))
    return True


def apply_machine(job, new):
    """All that comes before the roles."""
    set_hostname(job.manifest["hostname"], job.reporter)
    remove_dropped(job, new)
    for mount in job.manifest["mounts"]:
        job.stop.check()
        if mount["filesystem"] == "xfs":
            ensure_packages(job, {"xfsprogs"}, set(), [])
        ensure_mount(mount, job.state, job.reporter, job.stop)
    job.stop.check()
    for role in job.manifest["roles"]:
        for file in role["files"]:
            if file.get("beforePackages"):
                write_file(job, file, content_of(file, job.secrets))
    wanted = {name for role in job.manifest["roles"] for name in role["packages"]}
    hold = {name for role in job.manifest["roles"] for name in role["hold"]}
    ensure_packages(job, wanted, hold, dropped(job.old_record, new)["holds"])
    replace_host_key(job)


def apply_role(job, role, later):
    reporter, stop = job.reporter, job.stop
    for wanted in sorted(role["directories"], key=lambda directory: directory["path"]):
        ensure_directory(wanted, reporter)
    for wanted in role["files"]:
        stop.check()
        write_file(job, wanted, content_of(wanted, job.secrets))
    job.duties.settle_reload()
    for step in role["prepare"]:
        stop.check()
        run_step(step, reporter, stop)
    stop.check()
    units.ensure_units(role["units"], reporter)
    job.duties.settle(later, reporter)
    for step in role["finish"]:
        stop.check()
        run_step(step, reporter, stop)
    if role.get("ready"):
        wait_ready(role["ready"], reporter, stop)


def write_file(job, wanted, content):
    def before_write(actual):
        was = None if actual is None else actual.content
        job.duties.before_write(wanted, was, is_unit_file(wanted["path"]))

    ensure_file(wanted, content, job.reporter, before_write)


def set_hostname(name, reporter):
    if socket.gethostname() == name:
        return
    write_atomically("/etc/hostname", f"{name}\n".encode(), 0o644)
    socket.sethostname(name)
    reporter.changed("hostname", name, "set")


def ensure_packages(job, wanted, hold, release):
    installed, held = packages.query()
    missing = sorted(wanted - installed)
    if missing:
        packages.install(missing, job.reporter, job.stop)
    packages.set_holds(sorted(hold - held), sorted(set(release) & held), job.reporter)


def remove_dropped(job, new):
    """Stateless units and files that the manifest no longer names."""
    gone = dropped(job.old_record, new)
    announce_kept(job, new)
    for name in gone["units"]:
        job.stop.check()
        units.remove_unit(name, job.reporter)
    for path, file in gone["files"].items():
        if os.path.lexists(path):
            job.duties.before_write({"path": path, "onChange": file["onChange"]}, None, is_unit_file(path))
            remove_file(path, job.reporter)
    job.duties.settle_reload()


def announce_kept(job, new):
    for role in dropped(job.old_record, new)["roles"]:
        job.reporter.notice(
            f"{role} is no longer declared on this machine but holds data: it was left as it is"
        )


def replace_host_key(job):
    wanted = hostkey.managed_files(job.host_key)
    if not wanted:
        return
    for file in wanted:
        write_file(job, file, file["content"].encode())
    hostkey.finish(job.reporter)


def digest_of(job):
    """A function from a path to the digest of what is there now."""

    def digest(path):
        try:
            with open(path, "rb") as file:
                return job.state.digest(file.read())
        except FileNotFoundError:
            return None

    return digest
