"""The PostgreSQL that Patroni started on this machine, as processes."""

import os
import signal
import socket
import subprocess
import time

from console import Refused

UNIT = "patroni.service"
HOME = "/var/lib/postgresql"
# There while Patroni is stopped for a cutover, so that only who was stopped is started.
STOPPED = "/run/phasewise/cutover/patroni-stopped"


def let_patroni(verb):
    if verb == "start" and not os.path.exists(STOPPED):
        return
    if verb == "stop":
        open(STOPPED, "w", encoding="ascii").close()
    subprocess.run(["systemctl", verb, UNIT], check=True)
    if verb == "start":
        os.remove(STOPPED)


class Postmaster:
    def __init__(self, data, bin):
        self.data = data
        self.bin = bin
        self.pid = None

    def signal(self, number):
        with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as file:
            self.pid = int(file.readline())
        os.kill(self.pid, number)

    def end(self, seconds):
        """Waits for the end of one that was told to; one that lingers is told again, and has nothing to lose any more."""
        if self.pid is None:
            return
        for number in (None, signal.SIGQUIT, signal.SIGKILL):
            if number is not None:
                self.strike(number)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if not self.runs():
                    return
                time.sleep(0.005)
        raise Refused(f"PostgreSQL's process {self.pid} does not end")

    def strike(self, number):
        """The postmaster; killed, it leaves its children behind, which no new one may start beside."""
        children = self.children() if number == signal.SIGKILL else []
        for pid in [self.pid, *children]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def children(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def runs(self):
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
                # A zombie waits for Patroni to notice it.
                return file.read().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def start(self, seconds):
        """As it was started last, among Patroni's processes and with its log where theirs is; returns when it serves."""
        group = subprocess.run(
            ["systemctl", "show", "-P", "ControlGroup", UNIT], check=True, capture_output=True, text=True
        ).stdout.strip()

        def among_patronis():
            with open(f"/sys/fs/cgroup{group}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(os.getpid()))

        # `restart` takes the options of the last start, and starts where nothing runs.
        command = [os.path.join(self.bin, "pg_ctl"), "restart", "-s", "-w", "-t", str(int(seconds)), "-D", self.data]
        with journal() as log:
            done = subprocess.run(
                ["runuser", "-u", "postgres", "--", *command],
                preexec_fn=among_patronis, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=HOME, env={"HOME": HOME, "PATH": os.environ.get("PATH", "/usr/bin:/bin")}, check=False,
            )
        if done.returncode != 0:
            raise Refused("PostgreSQL did not start again")


def journal():
    """A stream into the journal that belongs to Patroni's unit."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.connect("/run/systemd/journal/stdout")
    # identifier, unit, priority (info), whether lines carry one, forward to syslog, kernel log, console
    stream.sendall(f"patroni\n{UNIT}\n6\n0\n0\n0\n0\n".encode())
    return stream
