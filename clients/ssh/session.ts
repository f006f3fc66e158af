import { createServer, type Server, type Socket } from "node:net";
import { constants } from "node:os";
import type { Client, ClientChannel } from "ssh2";
import type { ExecResult, SshTarget } from "../ssh.ts";
import { SshLost } from "./errors.ts";
import { attachTerminal } from "./terminal.ts";

export interface ExecOptions {
  stdin?: string | Buffer;
  /** Ends the command with SIGTERM and rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called with each piece of stdout as it comes; the result holds all of it in any case. */
  onStdout?: (text: string) => void;
}

/** A port on this machine's loopback that leads to a port seen from the other machine. */
export interface Tunnel {
  port: number;
  close(): void;
}

/** One authenticated connection. Several commands and tunnels can use it at once (sshd allows 10 sessions). */
export class SshSession {
  readonly #client: Client;
  readonly #where: string;
  readonly #tunnels = new Set<() => void>();
  #closed = false;

  constructor(client: Client, target: SshTarget) {
    this.#client = client;
    this.#where = `${target.user}@${target.host}:${target.port}`;
    // Each command in flight listens for the end of the connection.
    client.setMaxListeners(0);
    client.once("close", () => {
      this.#closed = true;
      for (const close of this.#tunnels) close();
    });
  }

  /**
   * Runs a command by the user's shell. A code that is not 0 is a result, not an error; 128 + n stands for
   * signal n. Throws `SshLost` when the connection breaks: the command may still run.
   */
  exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    const { stdin, signal, onStdout } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.#closed) return Promise.reject(new SshLost(`the SSH connection to ${this.#where} is closed`));
    return new Promise((resolve, reject) => {
      const lost = () => reject(new SshLost(`the SSH connection to ${this.#where} was lost`));
      this.#client.once("close", lost);
      this.#client.exec(command, (error, channel) => {
        if (error !== undefined) {
          this.#client.removeListener("close", lost);
          reject(new SshLost(`${this.#where} does not run commands: ${error.message}`));
          return;
        }
        const stop = () => {
          channel.signal("TERM");
          channel.close();
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", stop, { once: true });
        collect(channel, onStdout, (result) => {
          signal?.removeEventListener("abort", stop);
          this.#client.removeListener("close", lost);
          if (result === null) lost();
          else resolve(result);
        });
        if (signal?.aborted === true) stop();
        // A command that ends without reading its stdin closes it under our hands; its exit code tells why.
        channel.stdin.on("error", () => undefined);
        channel.end(stdin);
      });
    });
  }

  /**
   * Starts a command and gives its streams as they are.
   * @param opened Listens to them at once: a short command may have ended by the next turn of the loop.
   * @throws SshLost where it cannot be started.
   */
  channel<T>(command: string, opened: (channel: ClientChannel) => T): Promise<T> {
    if (this.#closed) return Promise.reject(new SshLost(`the SSH connection to ${this.#where} is closed`));
    return new Promise((resolve, reject) => {
      this.#client.exec(command, (error, channel) => {
        if (error === undefined) resolve(opened(channel));
        else reject(new SshLost(`${this.#where} does not run commands: ${error.message}`));
      });
    });
  }

  /** Opens a port on 127.0.0.1 that leads to `remoteHost:remotePort` as the machine sees it. */
  async forward(remoteHost: string, remotePort: number): Promise<Tunnel> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => socket.destroy());
      this.#client.forwardOut(
        "127.0.0.1",
        socket.remotePort ?? 0,
        remoteHost,
        remotePort,
        (error, channel) => {
          if (error !== undefined) {
            socket.destroy();
            return;
          }
          channel.on("error", () => socket.destroy());
          channel.on("close", () => socket.end());
          socket.on("close", () => channel.close());
          socket.pipe(channel).pipe(socket);
        },
      );
    });
    const port = await listen(server);
    const close = () => {
      this.#tunnels.delete(close);
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    this.#tunnels.add(close);
    return { port, close };
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Joins this process's terminal, or its plain streams, to a shell or a command there; gives its exit code. */
  attach(command: string | null): Promise<number> {
    return attachTerminal(this.#client, command);
  }

  /** Resolves when the connection is gone, for whatever reason. */
  closed(): Promise<void> {
    return new Promise((resolve) => (this.#closed ? resolve() : this.#client.once("close", () => resolve())));
  }

  close(): void {
    for (const close of this.#tunnels) close();
    this.#client.end();
  }
}

function collect(
  channel: ClientChannel,
  onStdout: ((text: string) => void) | undefined,
  done: (result: ExecResult | null) => void,
): void {
  let stdout = "";
  let stderr = "";
  let code: number | null = null;
  channel.setEncoding("utf8");
  channel.stderr.setEncoding("utf8");
  channel.on("data", (text: string) => {
    stdout += text;
    onStdout?.(text);
  });
  channel.stderr.on("data", (text: string) => {
    stderr += text;
  });
  channel.once("exit", (exit: number | null, name?: string) => {
    code = exit ?? 128 + signalNumber(name);
  });
  // Without an exit code the connection broke before the command ended.
  channel.once("close", () => done(code === null ? null : { code, stdout, stderr }));
}

function signalNumber(name: string | undefined): number {
  const known: Record<string, number> = constants.signals;
  return known[name ?? ""] ?? known[`SIG${name}`] ?? 0;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no port on 127.0.0.1"));
      else resolve(address.port);
    });
  });
}
