"""One machine's part in a cutover: it answers the coordinator for as long as the cutover lasts.

    agent.py            answers until it is stopped; a systemd unit's main process
    agent.py release    puts right what a cutover leaves on this machine; the same unit's last act, however it ended

It reads its settings (JSON) from standard input: the private address and port to
listen on, the paths of this machine's certificate, a token that every request must carry, and how to reach the
PostgreSQL and the poolers of this machine, where it has them.
"""

import hmac
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import database
from console import Refused
from database import Database
from poolers import Gateway


def handler(token, parts):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(length)
            if not hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {token}"):
                return self.answer(403, {"reason": "not this cutover's token"})
            part, _, name = self.path.strip("/").partition("/")
            action = getattr(parts.get(part), name, None)
            if part not in parts or name.startswith("_") or not callable(action):
                return self.answer(404, {"reason": f"there is no {self.path} here"})
            try:
                return self.answer(200, action(json.loads(body or b"{}")))
            except Refused as error:
                return self.answer(409, {"reason": str(error)})
            except Exception as error:  # the coordinator decides what a failure means
                return self.answer(500, {"reason": f"{type(error).__name__}: {error}"})

        def answer(self, status, content):
            text = json.dumps(content).encode()
            head = f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
            self.wfile.write(head.encode() + text)

        def log_message(self, *_):
            pass

    return Handler


def release(settings):
    if settings.get("gateway"):
        Gateway(settings["gateway"]).release()
    if settings.get("database"):
        database.release(settings["database"])


def main():
    settings = json.load(sys.stdin)
    if sys.argv[1:] == ["release"]:
        return release(settings)
    parts = {}
    if settings.get("database"):
        parts["database"] = Database(settings["database"])
    if settings.get("gateway"):
        parts["gateway"] = Gateway(settings["gateway"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings["tls"]["ca"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(settings["tls"]["certificate"], settings["tls"]["key"])
    server = ThreadingHTTPServer((settings["address"], settings["port"]), handler(settings["token"], parts))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
