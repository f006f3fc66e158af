"""Progress and results as JSON lines, secrets masked."""

import json
import os
import re
import time

# What a line says that explains a failure; systemd's and Python's own frame around it says nothing.
TELLING = re.compile(r"\b(fatal|panic|error|fail\w*|cannot|could not|denied|refused|invalid|unable|no such)\b", re.IGNORECASE)
FRAME = re.compile(r"systemd\[\d+\]: |Traceback \(most recent|\]:\s+(File \"|[~^]+$|raise )|\"level\":\"info\"")
# A journal line up to its text: time, machine, program and process.
PREFIX = re.compile(r"^\S+ \S+ [^\s:]+: ")


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


def excerpt(lines, last=6, telling=10):
    """Of a journal: its last lines, and before them the newest of those that name a trouble, each text once.

    A unit that is started again and again says the cause once a round, among lines that do not matter.
    """
    kept = set(range(max(0, len(lines) - last), len(lines)))
    seen = {PREFIX.sub("", lines[index]) for index in kept}
    for index in range(len(lines) - last - 1, -1, -1):
        text = PREFIX.sub("", lines[index])
        if len(kept) >= last + telling:
            break
        if TELLING.search(text) and not FRAME.search(lines[index]) and text not in seen:
            seen.add(text)
            kept.add(index)
    return [lines[index] for index in sorted(kept)]
