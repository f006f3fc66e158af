"""Progress and results as JSON lines, secrets masked."""

import json
import os
import time


class Reporter:
    """Writes one JSON object a line: `event` is progress, changed, notice or result."""

    def __init__(self, stream, mask):
        self.stream = stream
        self.mask = mask
        self.role = None
        self.changes = []
        self.began = time.monotonic()

    def progress(self, message):
        self._write({"event": "progress", "role": self.role, "message": self.mask(message)})

    def changed(self, kind, name, what):
        """Something was brought into line: kind "file", name its path, what "content"."""
        change = {"role": self.role, "kind": kind, "name": name, "what": self.mask(what)}
        self.changes.append(change)
        self._write({"event": "changed", **change})

    def notice(self, message):
        """Something that people should know and that is no failure."""
        self._write({"event": "notice", "role": self.role, "message": self.mask(message)})

    def result(self, values):
        seconds = round(time.monotonic() - self.began, 3)
        self._write({"event": "result", "seconds": seconds, **values})

    def _write(self, line):
        try:
            self.stream.write(json.dumps(line) + "\n")
            self.stream.flush()
        except BrokenPipeError:
            # Nobody listens any more; the work itself goes on.
            self.stream = open(os.devnull, "w", encoding="utf-8")


def tail(text, lines=20, width=400):
    """The last lines of a program's output."""
    kept = [line.rstrip()[:width] for line in text.splitlines() if line.strip()]
    return kept[-lines:]
