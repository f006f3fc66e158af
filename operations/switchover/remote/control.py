"""PostgreSQL's control file, read without starting a process: while clients wait, each process started counts."""

import os
import struct
import subprocess

# Where ControlFileData (src/include/catalog/pg_control.h) has the state (int32) and the newest checkpoint's place in
# the log (uint64). The struct ends with a CRC-32C of all before it, whose place differs from version to version.
STATE = 16
CHECKPOINT = 32
SHUT_DOWN = 1
SHORTEST = 64


def table():
    values = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        values.append(byte)
    return values


TABLE = table()


def crc32c(data, crc=0xFFFFFFFF):
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def crc_place(data):
    """Where the struct's CRC is: the one place whose number fits all before it. None where there is no such place."""
    crc = crc32c(data[:SHORTEST])
    for place in range(SHORTEST, len(data) - 4, 4):
        if struct.unpack_from("=I", data, place)[0] == crc ^ 0xFFFFFFFF:
            return place
        crc = crc32c(data[place : place + 4], crc)
    return None


class ControlFile:
    def __init__(self, data, bin):
        self.path = os.path.join(data, "global", "pg_control")
        self.tool = [os.path.join(bin, "pg_controldata"), data]
        self.place = None

    def learn(self):
        """Finds its way in the file and compares what it reads with pg_controldata; True where they agree."""
        for _ in range(3):
            with open(self.path, "rb") as file:
                self.place = crc_place(file.read(512))
            if self.place is not None and self.look() == self.told():
                return True
        self.place = None
        return False

    def read(self):
        """(whether the server has shut down, the newest checkpoint's place); None in the middle of a change."""
        return self.told() if self.place is None else self.look()

    def look(self):
        with open(self.path, "rb") as file:
            data = file.read(self.place + 4)
        if crc32c(data[: self.place]) ^ 0xFFFFFFFF != struct.unpack_from("=I", data, self.place)[0]:
            return None
        (state,) = struct.unpack_from("=i", data, STATE)
        (lsn,) = struct.unpack_from("=Q", data, CHECKPOINT)
        return state == SHUT_DOWN, f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"

    def told(self):
        text = subprocess.run(self.tool, check=True, capture_output=True, text=True, env={"LC_ALL": "C"}).stdout
        control = dict((part.strip() for part in line.split(":", 1)) for line in text.splitlines() if ":" in line)
        return control["Database cluster state"] == "shut down", control["Latest checkpoint location"]
