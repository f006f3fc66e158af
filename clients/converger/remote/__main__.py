"""The converger: brings this machine to a manifest, or says in what it differs.

    python3 -I converger --manifest manifest.json [--secrets secrets.json] [--check]
    python3 -I converger --run FOLDER
    python3 -I converger --stdin

By hand the first form is handy: `secrets.json` is an object of names and values. The others read a payload
{mode, manifest, secrets, hostKey, deadlineSeconds}: from FOLDER/payload.json, which is removed then, with the
progress going to FOLDER/progress.jsonl; or from stdin.
JSON lines on stdout; the last one is {"event": "result", "ok": ...}. Exit code 0, 1 failed, 130 interrupted.
"""

import argparse
import fcntl
import json
import os
import sys
import time
import traceback

import facts
import hostkey
import units
from converge import Job, converge, digest_of, mask_of
from masking import MissingSecret
from report import Reporter, tail
from state import State
from survey import Survey
from system import Cancelled, Failure, Stop

STATE_FOLDER = "/var/lib/phasewise"
RUN_FOLDER = "/run/phasewise"


def main():
    arguments = parse()
    payload = load(arguments)
    stream = open(os.path.join(arguments.run, "progress.jsonl"), "a", encoding="utf-8") if arguments.run else sys.stdout
    reporter = Reporter(stream, mask_of(payload))
    stop = Stop(payload.get("deadlineSeconds"))
    stop.listen()
    try:
        os.makedirs(RUN_FOLDER, mode=0o700, exist_ok=True)
        with open(os.path.join(RUN_FOLDER, "lock"), "w", encoding="ascii") as lock:
            wait_for_lock(lock, reporter, stop)
            work(payload, reporter, stop)
        return 0
    except Cancelled:
        reporter.result({"ok": False, "cancelled": True, "error": {"message": "stopped on request"}})
        return 130
    except Failure as failure:
        reporter.result({"ok": False, "error": explain(failure, reporter)})
    except MissingSecret as missing:
        text = f"the manifest asks for the secret {missing.name}, which was not given"
        reporter.result({"ok": False, "error": {"role": reporter.role, "message": text}})
    except Exception as error:  # The caller must always learn how it ended.
        trace = reporter.mask(traceback.format_exc())
        message = reporter.mask(f"the converger itself failed: {error!r}")
        reporter.result({"ok": False, "error": {"role": reporter.role, "message": message, "output": tail(trace)}})
    return 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", metavar="FOLDER")
    parser.add_argument("--stdin", action="store_true")
    parser.add_argument("--manifest", metavar="FILE")
    parser.add_argument("--secrets", metavar="FILE")
    parser.add_argument("--check", action="store_true", help="change nothing, print what differs")
    arguments = parser.parse_args()
    if [bool(arguments.run), arguments.stdin, bool(arguments.manifest)].count(True) != 1:
        parser.error("give one of --manifest, --run and --stdin")
    return arguments


def load(arguments):
    if arguments.stdin:
        return json.load(sys.stdin)
    if arguments.run:
        path = os.path.join(arguments.run, "payload.json")
        payload = read_json(path)
        os.unlink(path)
        return payload
    secrets = read_json(arguments.secrets) if arguments.secrets else {}
    mode = "check" if arguments.check else "converge"
    return {"mode": mode, "manifest": read_json(arguments.manifest), "secrets": secrets}


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def wait_for_lock(lock, reporter, stop):
    """One run at a time; the lock goes with its process, however that ends."""
    begin, shown = time.monotonic(), -1
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            stop.check()
            waited = int(time.monotonic() - begin)
            if waited > shown:
                shown = waited
                reporter.progress(f"waiting for another run on this machine {waited} s")
            time.sleep(0.1)


def work(payload, reporter, stop):
    state = State(STATE_FOLDER)
    state.prepare()
    job = Job(payload, state, reporter, stop)
    outcome = {"ok": True}
    if payload.get("mode") == "check":
        survey = Survey(job)
        outcome["differences"] = survey.differences("always")
        outcome["unanswered"] = survey.unanswered
    else:
        converge(job)
        outcome["changed"] = reporter.changes
    outcome["pending"] = job.duties.pending(digest_of(job))
    outcome["facts"] = facts.facts()
    outcome["hostKey"] = hostkey.public_key()
    reporter.result(outcome)


def explain(failure, reporter):
    journal = [
        {"unit": entry["unit"], "lines": [reporter.mask(line) for line in entry["lines"]]}
        for entry in units.journal(failure.units)
    ]
    return {
        "role": reporter.role,
        "message": reporter.mask(failure.message),
        "output": tail(reporter.mask(failure.output)),
        "journal": journal,
    }


if __name__ == "__main__":
    sys.exit(main())
