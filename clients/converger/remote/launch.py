"""The machine's end of a call: sent ahead of the request on stdin, so that nothing needs to be installed.

Puts the converger's files in place, starts it as a transient systemd unit named by the digest of what it is to
do, or finds that unit already at work, and follows its progress. The unit outlives this connection; the same
request on a new one attaches to it again.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import shutil
import subprocess
import sys
import time

STATE_FOLDER = "/var/lib/phasewise"
RUN_FOLDER = "/run/phasewise"
POLL_SECONDS = 0.03
ALIVE_SECONDS = 0.5


def main(request):
    """`request`: {version, files: {name: text}, payload}."""
    for folder in (STATE_FOLDER, RUN_FOLDER, f"{RUN_FOLDER}/runs"):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(f"{RUN_FOLDER}/launch.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        converger = install(request["version"], request["files"])
        if request["payload"]["mode"] == "converge":
            name = digest(request)
            unit, folder = f"phasewise-converge-{name}.service", f"{RUN_FOLDER}/runs/{name}"
            attached = is_active(unit) and not settles(unit, f"{folder}/progress.jsonl")
            if not attached:
                start(unit, folder, converger, request["payload"])
    if request["payload"]["mode"] != "converge":
        command = [sys.executable, "-I", converger, "--stdin"]
        return subprocess.run(command, input=json.dumps(request["payload"]).encode(), check=False).returncode
    say({"event": "unit", "unit": unit, "attached": attached})
    return follow(unit, f"{folder}/progress.jsonl")


def install(version, files):
    """The folder of this version of the converger; other versions are removed."""
    root = f"{STATE_FOLDER}/converger"
    folder = f"{root}/{version}"
    if os.path.isdir(folder):
        return folder
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(f"{root}/new", mode=0o700)
    for name, text in files.items():
        with open(f"{root}/new/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    os.rename(f"{root}/new", folder)
    return folder


def digest(request):
    """Names a run by all that it depends on; keyed, since secrets are part of it."""
    path = f"{STATE_FOLDER}/launch.key"
    if not os.path.exists(path):
        with open(f"{path}.new", "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_bytes(32))
        os.rename(f"{path}.new", path)
    with open(path, "rb") as file:
        key = file.read()
    text = json.dumps([request["version"], request["payload"]], sort_keys=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]


def start(unit, folder, converger, payload):
    for other in os.listdir(f"{RUN_FOLDER}/runs"):
        if not is_active(f"phasewise-converge-{other}.service"):
            shutil.rmtree(f"{RUN_FOLDER}/runs/{other}")
    os.makedirs(folder, mode=0o700)
    with open(f"{folder}/progress.jsonl", "w", encoding="utf-8"):
        pass
    path = f"{folder}/payload.json"
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(payload, file)
    subprocess.run(
        [
            "systemd-run", "--quiet", "--collect", f"--unit={unit}", "--service-type=exec",
            "--property=KillMode=mixed", "--property=TimeoutStopSec=120",
            f"--property=ExecStopPost=/bin/rm -f {path}",
            sys.executable, "-I", converger, "--run", folder,
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def is_active(unit):
    done = subprocess.run(["systemctl", "is-active", unit], capture_output=True, text=True, check=False)
    return done.stdout.strip() in ("active", "activating", "deactivating", "reloading")


def settles(unit, progress):
    """Whether the unit has its result and is only ending: waits for that, since a new run is wanted then."""
    with open(progress, encoding="utf-8") as file:
        if not any(line.endswith("\n") and json.loads(line)["event"] == "result" for line in file):
            return False
    while is_active(unit):
        time.sleep(POLL_SECONDS)
    return True


def follow(unit, path):
    """Copies the progress to stdout until the result is there, or the unit is gone without one."""
    with open(path, encoding="utf-8") as file:
        partial, checked, ended = "", time.monotonic(), False
        while True:
            piece = file.readline()
            partial += piece
            if partial.endswith("\n"):
                sys.stdout.write(partial)
                sys.stdout.flush()
                if json.loads(partial)["event"] == "result":
                    return 0
                partial = ""
            elif ended:
                say({"event": "result", "ok": False, "died": True})
                return 1
            elif time.monotonic() - checked > ALIVE_SECONDS:
                checked = time.monotonic()
                ended = not is_active(unit)
            elif not piece:
                time.sleep(POLL_SECONDS)


def say(line):
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main(REQUEST))  # noqa: F821 - set by the loader that the caller runs
