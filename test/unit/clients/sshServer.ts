import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import ssh2, { type Connection, type ServerChannel } from "ssh2";
import { ed25519FromSeed } from "../../../clients/ssh/keys.ts";

/** What a command does: gets its line and its channel. */
export type Command = (line: string, channel: ServerChannel) => void;

export interface TestServer {
  port: number;
  hostKey: string;
  privateKey: string;
  /** Breaks all connections. */
  cut(): void;
  stop(): Promise<void>;
}

/** An OpenSSH key pair as texts. */
export function keyPair(): { privateKey: string; publicKey: string } {
  return ed25519FromSeed(randomBytes(32));
}

/** A port of the loopback where nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A small SSH server in this process that lets one key in, runs `command` and forwards ports. */
export async function startServer(options: {
  command?: Command;
  port?: number;
  hostKeys?: { privateKey: string; publicKey: string };
  userKeys?: { privateKey: string; publicKey: string };
}): Promise<TestServer> {
  const host = options.hostKeys ?? keyPair();
  const user = options.userKeys ?? keyPair();
  const allowed = ssh2.utils.parseKey(user.publicKey);
  if (allowed instanceof Error) throw allowed;
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [host.privateKey] }, (connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
    connection.on("error", () => connection.end());
    connection.on("authentication", (context) => {
      const same = context.method === "publickey" && context.key.data.equals(allowed.getPublicSSH());
      if (same) context.accept();
      else context.reject(["publickey"]);
    });
    connection.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, info) => {
        options.command?.(info.command, acceptExec());
      });
    });
    connection.on("tcpip", (accept, _reject, info) => {
      const channel = accept();
      channel.end(`${info.destIP}:${info.destPort}`);
    });
  });
  const port = await listen(server, options.port);
  return {
    port,
    hostKey: host.publicKey,
    privateKey: user.privateKey,
    cut: () => {
      for (const connection of connections) connection.end();
    },
    stop: () => {
      for (const connection of connections) connection.end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(
  server: {
    listen(port: number, host: string, done: () => void): unknown;
    address(): unknown;
  },
  port = 0,
): Promise<number> {
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}
