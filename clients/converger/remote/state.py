"""What the converger remembers between runs, all below one folder (/var/lib/phasewise), for root only.

record.json   files, units, holds and mounts it manages: what a later manifest leaves out is found here
owed.json     reloads, restarts and the daemon-reload that a written file asked for and that are not done yet
pending.json  units that must be restarted by somebody else, and since when
key           key of the digests in here
"""

import hashlib
import hmac
import json
import os
import secrets
import tempfile


def write_atomically(path, content, mode=0o600, owner=None):
    """Replaces `path` (bytes) in one rename, on disk before it is visible. `owner` is (uid, gid)."""
    handle, temporary = tempfile.mkstemp(prefix=".phasewise-", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except FileNotFoundError:
            pass
        raise


class State:
    def __init__(self, folder):
        self.folder = folder

    def prepare(self):
        os.makedirs(self.folder, mode=0o700, exist_ok=True)

    def load(self, name, default):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return default

    def save(self, name, value):
        """Writes only what changed, so that a run without changes costs no write."""
        if self.load(name, None) != value:
            write_atomically(os.path.join(self.folder, name), json.dumps(value, indent=1).encode())

    def key(self):
        path = os.path.join(self.folder, "key")
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            write_atomically(path, secrets.token_bytes(32))
            with open(path, "rb") as file:
                return file.read()

    def digest(self, content):
        """A keyed digest: what is stored says nothing about a secret."""
        return hmac.new(self.key(), content, hashlib.sha256).hexdigest()
