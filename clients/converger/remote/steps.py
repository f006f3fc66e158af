"""Named steps and readiness probes."""

import time

import units
from report import tail
from system import Failure, script

PROBE_SECONDS = 15
STEP_SECONDS = 3600


def ask(text, seconds):
    """Whether a probe is content; None where it came to no answer in its time."""
    done = script(text, timeout=seconds)
    return None if done.late else done.ok


def step_is_done(step):
    return script(step["probe"], timeout=PROBE_SECONDS).ok


def run_step(step, reporter, stop):
    """Acts if the probe asks for it, and sees to it that the probe is content afterwards."""
    if step_is_done(step):
        return
    stop.check()
    reporter.progress(step["name"])
    done = script(step["act"], timeout=stop.remaining(STEP_SECONDS))
    if not done.ok:
        raise Failure(f"step \"{step['name']}\" failed (exit code {done.code})", done.output)
    if not step_is_done(step):
        raise Failure(f"step \"{step['name']}\" ran, but its probe still fails", done.output)
    reporter.changed("step", step["name"], "done")


def wait_ready(probe, reporter, stop):
    """Repeats the probe until it exits 0, its deadline is over, or one of its units has failed for good."""
    begin = time.monotonic()
    deadline = begin + probe["deadlineSeconds"]
    pause, shown, checked = 0.05, 0, begin
    while True:
        done = script(probe["command"], timeout=PROBE_SECONDS)
        if done.ok:
            return
        stop.check()
        now = time.monotonic()
        if now - checked >= 1:
            checked = now
            fail_early(probe, done)
        if now > deadline:
            raise Failure(
                f"{probe['name']}: not ready after {probe['deadlineSeconds']:g} s", done.output, probe["units"]
            )
        if int(now - begin) > shown:
            shown = int(now - begin)
            reporter.progress(f"waiting for {probe['name']} {shown} s{last_words(done)}")
        time.sleep(min(pause, max(0.0, deadline - now)))
        pause = min(pause * 1.5, 0.5)


def fail_early(probe, done):
    for name, status in units.show(probe["units"]).items():
        if status.active == "failed":
            raise Failure(f"{probe['name']}: {name} has failed", done.output, probe["units"])


def last_words(done):
    """The probe's last line of output, if it says something short."""
    lines = tail(done.output, 1, 80)
    return f" ({lines[0]})" if lines else ""
