#!/usr/bin/python3
"""What a cluster's first start does on a machine without data: where the repository of the backups holds some, they are
restored and the archived log is replayed to its end; where it is known to hold none, another cluster's are, if this one
was told of any, up to the place that it was told of; else a new database is made.

`choose` is run before each start of Patroni and tells it which of the two; `restore` is run by Patroni, and `settle`
once the restored cluster leads. All can be killed at any point and run again."""

import argparse
import base64
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request

# Of pgbackrest's stanza status: there is no such stanza; there is one without backups.
NOTHING = (1, 2)
SECONDS = 3
CONFIGURATION = "/etc/pgbackrest/pgbackrest.conf"
BACKUPS = "/etc/phasewise/backup/settings.json"
# What of another cluster's repository this one begins with, and pgBackRest's configuration for it: the role "origin".
ORIGIN = "/etc/pgbackrest/origin.json"
ORIGIN_CONFIGURATION = "/etc/pgbackrest/origin.conf"


def directory_state(path):
    """`empty`, `cut` (a restore or its replay did not come to its end) or `whole`."""
    if not os.path.isdir(path) or not os.listdir(path):
        return "empty"
    # pgBackRest writes the control file last, and `recovery.signal`, which PostgreSQL removes when replay has ended.
    restored = os.path.exists(os.path.join(path, "backup.manifest")) and not os.path.exists(
        os.path.join(path, "global", "pg_control")
    )
    return "cut" if restored or os.path.exists(os.path.join(path, "recovery.signal")) else "whole"


def choose(state, initialized, backups, origin=False):
    """What Patroni is to do at this start. `initialized`: None where no store of the consensus could be asked, else
    whether the cluster was ever made. `backups`: a function, asked only where it matters. `origin`: whether this
    cluster begins with the data of another one.

    `keep`: what is there stays as it is; `again`: a restore was cut off and begins anew; `restore`; `make`; `wait`."""
    if state == "whole":
        return "keep"
    if state == "cut":
        return {None: "wait", True: "keep", False: "again"}[initialized]
    if initialized:
        return "keep"
    return "restore" if backups() or origin else "make"


def labels(info, stanza):
    """The backups of a repository, the newest first. Raises where nobody can say whether there are any."""
    found = [one for one in info if one.get("name") == stanza]
    if not found:
        return []
    status = found[0]["status"]
    if status["code"] != 0 and status["code"] not in NOTHING:
        raise RuntimeError(f"the repository does not say what it holds: {status['message']} ({status['code']})")
    whole = [one["label"] for one in found[0].get("backup", []) if not one.get("error")]
    return list(reversed(whole)) if status["code"] == 0 else []


class Store:
    """The consensus store, by its JSON gateway."""

    def __init__(self, hosts, key, tls):
        self.hosts = hosts
        self.key = base64.b64encode(key.encode()).decode()
        self.context = ssl.create_default_context(cafile=tls[0])
        self.context.load_cert_chain(tls[1], tls[2])

    def ask(self, path, body):
        """The first answer; None where no member gives one."""
        for host in self.hosts:
            request = urllib.request.Request(f"https://{host}{path}", json.dumps(body).encode())
            try:
                with urllib.request.urlopen(request, timeout=SECONDS, context=self.context) as answer:
                    return json.load(answer)
            except (OSError, ValueError):
                continue
        return None

    def initialized(self):
        """Whether the cluster has its number; None where nobody says. While it is being made, the value is empty."""
        answer = self.ask("/v3/kv/range", {"key": self.key})
        if answer is None:
            return None
        return any(one.get("value") for one in answer.get("kvs", []))

    def forget(self):
        """Removes the mark of a first start that was cut off, as Patroni does where it fails."""
        if self.ask("/v3/kv/deleterange", {"key": self.key}) is None:
            raise RuntimeError("no member of the consensus store answers")


def repositories():
    """The numbers of those that this machine has, none where it makes no backups. Read where backups have them: Patroni's
    unit stays as it is then."""
    if not os.path.exists(CONFIGURATION):
        return []
    with open(BACKUPS, encoding="utf-8") as file:
        return json.load(file)["repositories"]


def told(stanza, number):
    """What one repository says that it holds."""
    command = ["pgbackrest", f"--stanza={stanza}", f"--repo={number}", "--io-timeout=2", "--output=json", "info"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError((done.stderr or done.stdout).strip())
    # Its messages of errors have line ends in them, which only the lenient reader takes.
    return labels(json.loads(done.stdout, strict=False), stanza)


def repository(stanza, numbers, ask=told):
    """The backups that there are, as (repository, label), in the order in which they are tried: the newest of the first
    repository first. One that does not answer is passed over only where another one holds some: else nobody can say
    that there are none."""
    found, silent = [], []
    for number in numbers:
        try:
            found += [(number, label) for label in ask(stanza, number)]
        except RuntimeError as error:
            silent.append(f"repository {number}: {error}" if len(numbers) > 1 else str(error))
    if silent and not found:
        raise RuntimeError("; ".join(silent))
    for one in silent:
        print(f"{one}: another one is read", flush=True)
    return found


def before_start(args):
    store = Store(args.etcd.split(","), args.key, (args.ca, args.certificate, args.private_key))
    state = directory_state(args.data)
    initialized = None if state == "whole" else store.initialized()
    held = lambda: repository(args.stanza, repositories())
    chosen = choose(state, initialized, held, os.path.exists(ORIGIN))
    if chosen == "wait":
        raise RuntimeError("a restore was cut off, and no member of the consensus store says whether it still counts")
    if chosen == "again":
        print("a restore was cut off: it goes on")
        shutil.rmtree(aside(args.data), ignore_errors=True)
        os.rename(args.data, aside(args.data))
        os.mkdir(args.data, 0o700)
        store.forget()
        chosen = "restore"
    if chosen == "restore":
        print(f"{args.data} is empty and there are backups for {args.stanza}: Patroni restores them")
        write(args.override, override(args))
    elif os.path.exists(args.override):
        os.unlink(args.override)


def override(args):
    """Stands over Patroni's own settings. They hold no secret."""
    command = f"{args.program} restore --stanza {args.stanza} --data {args.data}"
    method = {"command": command, "keep_existing_recovery_conf": True, "no_params": True}
    tls = f"--ca {args.ca} --certificate {args.certificate} --private-key {args.private_key}"
    settled = {"on_start": f"{args.program} settle --patroni {args.patroni} {tls}"}
    # JSON is YAML.
    override = {
        "bootstrap": {"method": "repository", "repository": method},
        "postgresql": {"callbacks": settled},
    }
    return json.dumps(override) + "\n"


def write(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def aside(data):
    return data + ".restoring"


def restore(args):
    """Restores the newest backup that can be restored: the log that all of them are followed by is the same."""
    before = aside(args.data)
    if os.path.exists(os.path.join(before, "backup.manifest")):
        # What is there already is compared and kept.
        os.rmdir(args.data)
        os.rename(before, args.data)
    else:
        shutil.rmtree(before, ignore_errors=True)
    processes = ["--delta", f"--process-max={max(1, min(8, os.cpu_count() or 1))}"]
    own = repository(args.stanza, repositories())
    if not own and os.path.exists(ORIGIN):
        return restore_origin(processes)
    for number, label in own:
        print(f"restoring {label}", flush=True)
        options = [f"--stanza={args.stanza}", f"--repo={number}", f"--set={label}", *processes]
        if subprocess.run(["pgbackrest", *options, "restore"]).returncode == 0:
            return
        print(f"{label} cannot be restored; the one before it is tried", flush=True)
    raise RuntimeError("no backup of the repository can be restored")


def restore_origin(options):
    """The log is fetched from there, too, and never sent there: that is this cluster's own repository's."""
    with open(ORIGIN) as file:
        origin = json.load(file)
    stanza = origin["stanza"]
    print(f"restoring {stanza} of another repository {' '.join(origin['options'])}", flush=True)
    command = ["pgbackrest", f"--config={ORIGIN_CONFIGURATION}", f"--stanza={stanza}", *options, *origin["options"]]
    if subprocess.run([*command, "restore"]).returncode != 0:
        raise RuntimeError(f"{stanza} of the other repository cannot be restored")


def settle(args):
    """Patroni replays without hot_standby, so that no setting of then keeps the log from being replayed. Standbys want
    it: one restart brings it back, before anybody is connected."""
    context = ssl.create_default_context(cafile=args.ca)
    context.load_cert_chain(args.certificate, args.private_key)
    for _ in range(30):
        shown = subprocess.run(["psql", "-XAtqd", "postgres", "-c", "SHOW hot_standby"], capture_output=True, text=True)
        if shown.stdout.strip() == "on":
            return
        request = urllib.request.Request(f"https://{args.patroni}/restart", b"{}", method="POST")
        try:
            urllib.request.urlopen(request, timeout=60, context=context).close()
        except OSError as error:
            print(f"not restarted yet: {error}", flush=True)
        time.sleep(1)
    raise RuntimeError("hot_standby is still off: npx phasewise rollout restarts PostgreSQL")


def main():
    parser = argparse.ArgumentParser()
    actions = {"choose": before_start, "restore": restore, "settle": settle}
    parser.add_argument("action", choices=actions)
    # Patroni tells a callback the event, the role and the cluster.
    parser.add_argument("event", nargs="*")
    for name in ["patroni", "stanza", "data", "program", "override", "etcd", "key", "ca", "certificate"]:
        parser.add_argument(f"--{name}")
    parser.add_argument("--private-key")
    args = parser.parse_args()
    try:
        actions[args.action](args)
    except (RuntimeError, OSError) as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
