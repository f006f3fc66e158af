"""Running other programs, and the two reasons to stop early: a request to, and the deadline."""

import os
import signal
import subprocess
import time

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    # `systemctl enable` else takes half a second for every unit that has an init script too.
    "SYSTEMCTL_SKIP_SYSV": "1",
}


class Failure(Exception):
    """The machine cannot be brought to what the manifest says.

    `message` is for people. `output` holds the last lines of the program that failed, `units` are those whose
    journal explains it.
    """

    def __init__(self, message, output="", units=()):
        super().__init__(message)
        self.message = message
        self.output = output
        self.units = list(units)


class Cancelled(Exception):
    """Somebody asked to stop; nothing is half done."""


class Stop:
    """Asked at every safe place whether to go on."""

    def __init__(self, deadline_seconds=None):
        self.requested = False
        self.seconds = deadline_seconds
        self.end = None if deadline_seconds is None else time.monotonic() + deadline_seconds

    def listen(self):
        """Takes SIGTERM and SIGINT as a request to stop at the next safe place."""

        def request(_number, _frame):
            self.requested = True

        signal.signal(signal.SIGTERM, request)
        signal.signal(signal.SIGINT, request)

    def check(self):
        """Raises Cancelled or Failure where the work must end here."""
        if self.requested:
            raise Cancelled()
        if self.end is not None and time.monotonic() > self.end:
            raise Failure(f"not done after {self.seconds:g} s (deadlineSeconds)")

    def remaining(self, wanted):
        """`wanted` seconds, or what is left until the deadline (at least 1)."""
        if self.end is None:
            return wanted
        return max(1.0, min(wanted, self.end - time.monotonic()))


class Completed:
    """How a program ended: its exit code (124 after a timeout) and its output, stderr included."""

    def __init__(self, code, output, late=False):
        self.code = code
        self.output = output
        # It was killed, as its time was over.
        self.late = late

    @property
    def ok(self):
        return self.code == 0


def run(command, *, stdin=None, timeout=600, merge=True):
    """Runs `command` (a list) in a session of its own: a signal to the converger does not reach it.

    `merge` puts stderr into the output. Past `timeout` seconds its whole process group is killed.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(None if stdin is None else stdin.encode(), timeout=timeout)
        return Completed(process.returncode, output.decode(errors="replace"))
    except subprocess.TimeoutExpired:
        kill_group(process.pid)
        output, _ = process.communicate()
        text = output.decode(errors="replace")
        return Completed(124, f"{text}\n(killed: not done after {timeout:g} s)", late=True)


def must(command, message, **options):
    """As `run`, but anything but exit code 0 is a Failure that begins with `message`."""
    done = run(command, **options)
    if not done.ok:
        raise Failure(f"{message}: {' '.join(command[:3])} exited with code {done.code}", done.output)
    return done.output


def script(text, *, timeout=600):
    """Runs an sh script that ends at its first failing command."""
    return run(["/bin/sh", "-e", "-c", text], timeout=timeout)


def kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def boot_id():
    """Changes with every boot, also with a container's."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def monotonic_usec():
    """The clock of systemd's ...TimestampMonotonic properties."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
