import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { cloudStatus, destroyCloud, type RunningCloud, startCloud } from "../../../cloud/lifecycle.ts";

// biome-ignore lint/suspicious/noExplicitAny: replies are checked by what the tests expect of them
export type Json = any;

const directory = join(tmpdir(), "phasewise-test-balancers");

/** On 8080 a web page and a health page, on 9000 lines that come back; both with the server's name. */
const services = `
import http.server, os, socketserver, threading
name = os.uname().nodename
class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ill = self.path == "/health" and os.path.exists("/run/ill")
        self.send_response(503 if ill else 200)
        self.end_headers()
        forwarded = [self.headers.get(f"X-Forwarded-{key}") for key in ("For", "Proto", "Port")]
        self.wfile.write(f"{name} well {self.client_address[0]} {forwarded}".encode())
    def log_message(self, *_): pass
class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(name.encode() + b" " + line)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
threading.Thread(target=Server(("", 9000), Lines).serve_forever).start()
http.server.ThreadingHTTPServer(("", 8080), Web).serve_forever()
`;

const userData = `#cloud-config
write_files:
- path: /root/services.py
  encoding: b64
  content: ${Buffer.from(services).toString("base64")}
runcmd:
- systemd-run --unit=services python3 /root/services.py
`;

/** A cloud with a daemon, spoken to by its API only; what a killed run left goes first. */
export class World {
  cloud!: RunningCloud;
  readonly directory = directory;

  async open(): Promise<void> {
    await destroyCloud({ directory });
    await this.start();
  }

  async start(): Promise<void> {
    this.cloud = await startCloud({ directory, imagePackages: [] });
  }

  async destroy(): Promise<void> {
    await destroyCloud({ directory });
  }

  async killDaemon(): Promise<void> {
    process.kill(this.cloud.pid, "SIGKILL");
    while ((await cloudStatus({ directory })).state !== "stopped") await sleep(20);
  }

  async call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> {
    const response = await fetch(`${this.cloud.endpoint}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.cloud.token}`, connection: "close" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: JSON.parse((await response.text()) || "null") };
  }

  /** A call that must succeed, with the end of its actions. */
  async make(method: string, path: string, body?: unknown): Promise<Json> {
    const reply = await this.call(method, path, body);
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(reply.body)}`);
    const { action, next_actions: next = [] } = reply.body ?? {};
    for (const one of [...(action ? [action] : []), ...next]) await this.#finished(one);
    return reply.body;
  }

  async #finished(action: Json): Promise<void> {
    for (;;) {
      const { status, error } = (await this.call("GET", `/actions/${action.id}`)).body.action;
      if (status === "success") return;
      if (status === "error") throw new Error(`${action.command}: ${error.message}`);
      await sleep(50);
    }
  }

  async webServer(name: string, network: number, more: object = {}): Promise<Json> {
    const body = {
      name,
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
      user_data: userData,
      networks: [network],
      labels: { role: "web" },
      ...more,
    };
    return (await this.make("POST", "/servers", body)).server;
  }

  async balancer(): Promise<Json> {
    return (await this.call("GET", "/load_balancers?name=front")).body.load_balancers[0];
  }

  /** Statuses by server's id and port, as "1004:80 healthy". */
  async health(): Promise<string[]> {
    const { targets } = await this.balancer();
    return targets
      .flatMap((target: Json) => target.targets ?? [target])
      .flatMap(({ server, ip, health_status }: Json) =>
        health_status.map((one: Json) => `${server?.id ?? ip.ip}:${one.listen_port} ${one.status}`),
      )
      .sort();
  }
}

/** One request on a connection of its own: its status and its text. */
export async function get(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(url, {
    headers: { connection: "close", ...headers },
    redirect: "manual",
    signal: AbortSignal.timeout(5000),
  });
  return `${response.status} ${await response.text()}`;
}

/** One request over TLS to the server of this name: its status and its text. */
export async function overTls(host: string, name: string, ca: string): Promise<string> {
  const asked = request({ host, servername: name, ca, headers: { host: name }, agent: false, timeout: 5000 });
  asked.end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return `${answer.statusCode} ${await text(answer)}`;
}

/** The names of those who answer so many requests, each once. */
export async function answering(url: string, requests = 6): Promise<string[]> {
  const names = new Set<string>();
  for (let n = 0; n < requests; n++) names.add((await get(url)).split(" ")[1] ?? "");
  return [...names].sort();
}

/** A connection that asks with lines and is answered with lines. */
export class Lines {
  readonly #socket: Socket;
  #text = "";

  constructor(host: string, port: number) {
    this.#socket = connect(port, host);
    this.#socket.on("data", (data) => {
      this.#text += data;
    });
    this.#socket.on("error", () => {});
  }

  /** @returns The answer, or null where the connection is gone. */
  async ask(line: string): Promise<string | null> {
    this.#text = "";
    this.#socket.write(`${line}\n`);
    for (const deadline = Date.now() + 5000; Date.now() < deadline; await sleep(10)) {
      if (this.#text.endsWith("\n")) return this.#text.trim();
      if (this.#socket.destroyed) return null;
    }
    return null;
  }

  close(): void {
    this.#socket.destroy();
  }
}
