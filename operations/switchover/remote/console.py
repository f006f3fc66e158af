"""A psql that stays open, so that no login stands between two statements."""

import re
import subprocess
import threading


class Refused(Exception):
    """The request cannot be met; told to the coordinator."""


class Console:
    END = "phasewise-end"

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.lock = threading.Lock()

    def run(self, *statements):
        """What the statements print, all of them sent at once; the first that fails is raised."""
        with self.lock:
            self.process.stdin.write("".join(f"{sql};\n" for sql in statements) + f"\\echo {self.END}\n")
            self.process.stdin.flush()
            lines = []
            for line in self.process.stdout:
                if line.rstrip("\n") == self.END:
                    break
                lines.append(line.rstrip("\n"))
            else:
                raise Refused("psql ended: " + " ".join(lines))
        failed = [line for line in lines if re.search(r"(ERROR|FATAL|PANIC):", line)]
        if failed:
            raise Refused(failed[0])
        return "\n".join(lines).strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=5)

    def kill(self):
        """Ends psql in the middle of a statement: whoever waits for its answer hears that it ended."""
        self.process.kill()
        self.process.wait(timeout=5)
