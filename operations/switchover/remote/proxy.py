"""HAProxy on one gateway, by its socket."""

import csv
import socket
import time

from console import Refused


# Two checks that fail, a second apart, take a server out; each may take two seconds.
VERDICT_WITHIN = 6


def undecided(row):
    """Whether the checks of a server have neither passed nor taken it out yet."""
    return not row["check_status"].startswith("L7OK") and not row["status"].startswith("DOWN")


class Proxy:
    def __init__(self, path):
        self.path = path

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as proxy:
            proxy.connect(self.path)
            proxy.sendall(f"{command}\n".encode())
            return proxy.makefile("r", encoding="utf-8").read()

    def servers(self, backend):
        rows = csv.DictReader(self.ask("show stat").splitlines())
        return [
            row for row in rows if row["# pxname"] == backend and row["svname"] not in ("FRONTEND", "BACKEND")
        ]

    def expect(self, name, seconds):
        """Waits until writers are sent to this machine and to no other."""
        end = time.monotonic() + seconds
        while self.primaries() != [name]:
            if time.monotonic() > end:
                raise Refused(f"the proxy leads to {', '.join(self.primaries()) or 'nobody'}, not to {name}")
            time.sleep(0.1)

    def primaries(self):
        return [row["svname"] for row in self.servers("primary") if row["status"].startswith("UP")]

    def leave_readers(self, name):
        """
        A standby that becomes the primary is no place for reads any more, and the proxy would cut off those that have
        not ended there. Until `watch_readers` it does not look, and sends no new ones.
        """
        for row in self.servers("replicas"):
            if row["svname"] == name and row["status"].startswith("UP"):
                self.command(f"disable health replicas/{name}")
                self.command(f"set server replicas/{name} state drain")

    def watch_readers(self, seconds=0):
        """Looks again at all, once no read is left where it did not look, or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(int(row["scur"]) > 0 for row in self.unwatched()):
            time.sleep(0.1)
        names = [row["svname"] for row in self.unwatched()]
        for name in names:
            self.command(f"enable health replicas/{name}")
        # Reads that came before the verdict on it would be cut off by it.
        end = time.monotonic() + VERDICT_WITHIN
        while time.monotonic() < end and any(undecided(row) for row in self.servers("replicas") if row["svname"] in names):
            time.sleep(0.1)
        for name in names:
            self.command(f"set server replicas/{name} state ready")

    def unwatched(self):
        return [row for row in self.servers("replicas") if row["check_status"] == ""]

    def command(self, command):
        answer = self.ask(command).strip()
        if answer:
            raise Refused(f"the proxy says: {answer}")
