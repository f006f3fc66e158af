"""The cluster's Patronis, by their REST API."""

import http.client
import time

from link import TROUBLE, Failed

# How long they may take for what clients do not wait for (seconds).
ANSWERS = 20
LEADS_WITHIN = 30
# A Patroni looks around every few seconds; told to, it does so at once. It is told anew after so long (seconds).
WAKE_EVERY = 1


class Patronis:
    def __init__(self, links, members):
        """`links` by the members' names; the first is asked first. `members`: what they say in etcd."""
        self.links = links
        self.members = members
        self.paused = False

    def any(self, method, path, body=None):
        failures = []
        for name, link in self.links.items():
            try:
                return link.request(method, path, body)
            except TROUBLE as error:
                failures.append(f"{name}: {error}")
        raise Failed("no Patroni answers: " + "; ".join(failures))

    def pause(self):
        """
        Each member has to act so: one that does not would promote or restart something, or end its PostgreSQL when it
        is stopped itself.
        """
        # What one says of an earlier pause would be taken for this one.
        for name in self.links:
            gone_on = lambda: name not in self.members.paused()
            self.until(gone_on, ANSWERS, f"Patroni on {name} did not go on after an earlier pause", wake=True)
        self.paused = True
        self.any("PATCH", "/config", {"pause": True})
        for name in self.links:
            seen = lambda: name in self.members.paused()
            self.until(seen, ANSWERS, f"Patroni on {name} did not pause", wake=True)

    def go_on(self):
        self.paused = False
        self.any("PATCH", "/config", {"pause": False})
        self.wake()

    def wake(self):
        """Setting what is set already changes nothing, and makes a member look around."""
        for link in self.links.values():
            try:
                link.request("PATCH", "/config", {"pause": self.paused})
            except TROUBLE:
                pass  # It wakes by itself.

    def leader(self):
        members = self.any("GET", "/cluster")["members"]
        return next((member["name"] for member in members if member["role"] == "leader"), None)

    def await_leader(self, name):
        """While they are paused, it is whoever runs as the primary that takes the key."""
        leads = lambda: self.leader() == name
        self.until(leads, LEADS_WITHIN, f"{name} does not hold the leader's key", wake=True)

    def until(self, question, seconds, failure, wake=False):
        end = time.monotonic() + seconds
        woken = 0
        while True:
            try:
                if question():
                    return
            except (OSError, http.client.HTTPException) as error:
                failure = f"{failure} ({error})" if "(" not in failure else failure
            if time.monotonic() > end:
                raise Failed(failure)
            if wake and time.monotonic() > woken + WAKE_EVERY:
                self.wake()
                woken = time.monotonic()
            time.sleep(0.05)
