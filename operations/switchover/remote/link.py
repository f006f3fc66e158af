"""Open connections to machines, over the machines' own certificates."""

import http.client
import json
import threading


class Failed(Exception):
    """The move is not possible or did not work."""


# What asking a machine may end with.
TROUBLE = (OSError, http.client.HTTPException, Failed)


class Link:
    def __init__(self, context, address, port, token=None):
        self.make = lambda: http.client.HTTPSConnection(address, port, timeout=30, context=context)
        self.token = token
        self.connection = None

    def request(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.connection is None:
            self.connection = self.make()
        try:
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = self.connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise
        if response.status >= 300:
            reason = text.decode(errors="replace")
            try:
                reason = json.loads(text)["reason"]
            except (ValueError, KeyError, TypeError):
                pass
            raise Failed(reason)
        return json.loads(text) if text.startswith(b"{") else {}

    def post(self, path, **body):
        return self.request("POST", path, body)


def ask_all(links, path, **body):
    """The same request to all at once; the first failure is raised when all have answered."""
    results = [None] * len(links)

    def ask(index):
        try:
            results[index] = links[index].post(path, **body)
        except Exception as error:  # raised below, in the order of the machines
            results[index] = error

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(links))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


class Asked:
    """A request whose answer nobody waits for."""

    def __init__(self, request):
        self.failure = None

        def ask():
            try:
                request()
            except Exception as error:
                self.failure = str(error)

        self.thread = threading.Thread(target=ask, daemon=True)
        self.thread.start()

    def wait(self):
        """Until it was answered, however."""
        self.thread.join()

    def refusal(self):
        """Why it was refused, where that is known by now."""
        self.thread.join(0.1)
        return self.failure
