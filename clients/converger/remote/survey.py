"""Everything in which the machine differs from its manifest. Changes nothing."""

import concurrent.futures
import socket
import time

import hostkey
import packages
import units
from files import content_of, directory_differences, file_differences, read_actual
from masking import shown
from mounts import mount_differences
from record import dropped, wanted_record
from steps import PROBE_SECONDS, ask

# Enough for a machine's probes to overlap without crowding out what they ask.
PROBES_AT_ONCE = 6

# A look at a busy machine asks a probe that is not content again, with more time and after a pause: what fails on
# the way may be its own tools' patience. Seconds for an answer, and of the pause before it.
ROUNDS = ((PROBE_SECONDS, 0), (2 * PROBE_SECONDS, 1), (4 * PROBE_SECONDS, 3))


class Survey:
    """`differences()` is a list of {role, kind, name, what} and, for files and directories, `actual`."""

    def __init__(self, job):
        self.job = job
        self.manifest = job.manifest
        self.found = []
        # Probes that came to no answer, as {role, kind, name}.
        self.unanswered = []

    def differences(self, probes):
        """`probes`: "always" for a look, or "if-same": a first converge need not ask what cannot be true yet, and
        does what no answer came to."""
        self._machine()
        statuses = units.show(unit["name"] for role in self.manifest["roles"] for unit in role["units"])
        for role in self.manifest["roles"]:
            self._directories(role)
            self._files(role)
            self._units(role, statuses)
        if probes == "always":
            # Where it differs anyway, nothing hangs on these.
            self._probes(ROUNDS[:1] if self.found else ROUNDS)
        elif not self.found:
            self._probes(ROUNDS[:1])
            self.found += [{**one, "what": ["no answer"]} for one in self.unanswered]
        return self.found

    def _add(self, role, kind, name, what, actual=None):
        entry = {"role": role, "kind": kind, "name": name, "what": what}
        self.found.append(entry if actual is None else {**entry, "actual": actual})

    def _machine(self):
        if socket.gethostname() != self.manifest["hostname"]:
            self._add(None, "hostname", self.manifest["hostname"], ["differs"], {"hostname": socket.gethostname()})
        for mount in self.manifest["mounts"]:
            if what := mount_differences(mount):
                self._add(None, "mount", mount["path"], what)
        for file in hostkey.managed_files(self.job.host_key):
            if what := file_differences(file, file["content"].encode(), read_actual(file["path"])):
                self._add(None, "host key", file["path"], what)
        if self.job.host_key and hostkey.first_boot_keys():
            self._add(None, "host key", "first boot", ["present"])
        self._packages()
        self._dropped()
        for duty in self.job.duties.owed():
            self._add(None, "owed", duty["unit"], [duty["action"]])

    def _packages(self):
        installed, held = packages.query()
        for role in self.manifest["roles"]:
            for name in role["packages"]:
                if name not in installed:
                    self._add(role["name"], "package", name, ["missing"])
            for name in role["hold"]:
                if name not in held:
                    self._add(role["name"], "package", name, ["not held"])

    def _dropped(self):
        gone = dropped(self.job.old_record, wanted_record(self.manifest))
        for kind in ("units", "files", "holds"):
            for name in gone[kind]:
                self._add(None, kind[:-1], name, ["no longer declared"])

    def _directories(self, role):
        for wanted in role["directories"]:
            actual = read_actual(wanted["path"])
            if what := directory_differences(wanted, actual):
                self._add(role["name"], "directory", wanted["path"], what, attributes(actual))

    def _files(self, role):
        for wanted in role["files"]:
            actual = read_actual(wanted["path"])
            what = file_differences(wanted, content_of(wanted, self.job.secrets), actual)
            if not what:
                continue
            as_found = attributes(actual)
            if "content" in what:
                text = actual.content.decode(errors="replace")
                as_found["content"] = shown(wanted["content"], text, self.job.mask)
            self._add(role["name"], "file", wanted["path"], what, as_found)

    def _units(self, role, statuses):
        for wanted in role["units"]:
            status = statuses[wanted["name"]]
            if what := units.unit_differences(wanted, status):
                self._add(role["name"], "unit", wanted["name"], what, {"active": status.active})

    def _probes(self, rounds):
        answers = rounds_of(self._asked(), rounds)
        for (role, kind, name, _text), answer in answers:
            if answer is None:
                self.unanswered.append({"role": role, "kind": kind, "name": name})
            elif not answer:
                self._add(role, kind, name, ["not done" if kind == "step" else "not ready"])

    def _asked(self):
        asked = []
        for role in self.manifest["roles"]:
            for step in [*role["prepare"], *role["finish"]]:
                asked.append((role["name"], "step", step["name"], step["probe"]))
            if role.get("ready"):
                asked.append((role["name"], "ready", role["ready"]["name"], role["ready"]["command"]))
        return asked


def rounds_of(asked, rounds, ask=ask, sleep=time.sleep):
    """Pairs of a probe and its last answer, in their order; those that are not content are asked in each round."""
    answers = [False] * len(asked)
    for seconds, pause in rounds:
        unsure = [index for index, answer in enumerate(answers) if answer is not True]
        if not unsure:
            break
        sleep(pause)
        with concurrent.futures.ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
            found = list(pool.map(lambda index: ask(asked[index][3], seconds), unsure))
        for index, answer in zip(unsure, found):
            answers[index] = answer
    return list(zip(asked, answers))


def attributes(actual):
    """What a preview can show of a path as it is."""
    if actual is None:
        return {}
    return {"kind": actual.kind, "mode": actual.mode, "owner": actual.owner, "group": actual.group}
