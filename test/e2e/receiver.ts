import type { Stack } from "./stack.ts";

const port = 8099;
const kept = "/run/received";
const beats = "/run/heartbeats";

/** Keeps each message that it is sent as a line. */
const program = `
import http.server
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        with open("${beats}" if self.path.endswith("/heartbeat") else "${kept}", "ab") as file:
            file.write(text.replace(b"\\n", b"") + b"\\n")
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass  # Its address would stand in the journal.
http.server.HTTPServer(("127.0.0.1", ${port}), Receiver).serve_forever()
`;

export interface Alert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** Whom a stack tells of alerts: a program on the machine that sends them. */
export class Receiver {
  readonly #stack: Stack;
  /** The end of its address: who knows it may post there. */
  readonly secret = "only-alertmanager-knows";
  readonly url = `http://127.0.0.1:${port}/${this.secret}`;
  readonly heartbeat = `${this.url}/heartbeat`;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  async start(): Promise<void> {
    await this.place("/root/receiver.py", program);
    await this.on("systemd-run --quiet --unit=receiver python3 /root/receiver.py");
  }

  /** Every alert of every message until now. */
  async alerts(): Promise<Alert[]> {
    return (await this.#messages(kept)).flat();
  }

  /** What the alerts of each message were that told that there are any. */
  async heartbeats(): Promise<Alert[][]> {
    return await this.#messages(beats);
  }

  async #messages(file: string): Promise<Alert[][]> {
    const lines = (await this.on(`cat ${file} || true`)).split("\n").filter(Boolean);
    return lines.map((line) => (JSON.parse(line) as { alerts: Alert[] }).alerts);
  }

  async on(command: string): Promise<string> {
    return (await this.#stack.expectOk("ssh", this.#stack.name, "core-1", "--", command)).trim();
  }

  async place(path: string, text: string): Promise<void> {
    const encoded = Buffer.from(text).toString("base64");
    await this.on(`install -D /dev/null ${path} && echo ${encoded} | base64 -d > ${path}`);
  }
}
