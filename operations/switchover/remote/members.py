"""What each member's Patroni says of itself, by its key in etcd, over etcd's JSON gateway."""

import base64
import json

from link import TROUBLE


def encoded(key):
    return base64.b64encode(key.encode()).decode()


class Members:
    def __init__(self, links, prefix):
        """`links` to members of etcd, by their names; the first is asked first. `prefix`: of the members' keys."""
        self.links = links
        self.prefix = prefix

    def paused(self):
        """
        The names of those whose Patroni acts as paused: it writes so at the end of a round that it made as such. Its
        REST API tells what anybody has read of the configuration through it, which its rounds may not know yet.
        """
        return {name for name, said in self.read().items() if said.get("pause") is True}

    def read(self):
        # The key behind all that begin with the prefix.
        end = self.prefix[:-1] + chr(ord(self.prefix[-1]) + 1)
        found = self.ask("/v3/kv/range", {"key": encoded(self.prefix), "range_end": encoded(end)}).get("kvs", [])
        decode = lambda text: base64.b64decode(text).decode()
        return {decode(each["key"])[len(self.prefix) :]: json.loads(decode(each["value"])) for each in found}

    def ask(self, path, body):
        failures = []
        for name, link in self.links.items():
            try:
                return link.request("POST", path, body)
            except TROUBLE as error:
                failures.append(f"{name}: {error}")
        raise ConnectionError("no etcd answers: " + "; ".join(failures))
