import { createHash } from "node:crypto";
import { connect, createServer, type Server } from "node:net";
import { messageOf } from "./problem.ts";

/** Who holds a lock. */
export interface Holder {
  pid: number;
  /** What it does, as "up dev". */
  purpose: string;
  /** ISO 8601. */
  since: string;
}

export interface Lock extends AsyncDisposable {
  release(): Promise<void>;
}

/**
 * Takes the lock of this name on this machine, or says who has it.
 *
 * The lock is a listening socket in Linux's abstract namespace: the kernel drops it with the process, so that
 * no killed process ever leaves one behind, and whoever finds it taken asks its holder who that is.
 * @param name What is locked; the absolute path of a folder, for one.
 */
export async function tryLock(name: string, purpose: string): Promise<Lock | Holder> {
  const address = addressOf(name);
  const holder: Holder = { pid: process.pid, purpose, since: new Date().toISOString() };
  for (;;) {
    const server = await listen(address, JSON.stringify(holder));
    if (server) return lockOf(server);
    const other = await ask(address);
    if (other) return other;
  }
}

export function isLock(value: Lock | Holder): value is Lock {
  return "release" in value;
}

/** Waits for the lock; `onWait` is called once where somebody else has it. */
export async function waitForLock(
  name: string,
  purpose: string,
  onWait: (holder: Holder) => void,
): Promise<Lock> {
  let told = false;
  for (;;) {
    const result = await tryLock(name, purpose);
    if (isLock(result)) return result;
    if (!told) onWait(result);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function addressOf(name: string): string {
  return `\0phasewise-${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
}

function lockOf(server: Server): Lock {
  const release = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { release, [Symbol.asyncDispose]: release };
}

/** Null where the address is taken. */
function listen(address: string, answer: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(answer);
    });
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(null);
      else reject(new Error(`The lock could not be taken: ${messageOf(error)}`, { cause: error }));
    });
    server.listen(address, () => {
      // The lock itself keeps no process alive.
      server.unref();
      resolve(server);
    });
  });
}

/** Null where the holder went away meanwhile. A holder that is too busy to answer is still a holder. */
function ask(address: string): Promise<Holder | null> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(address);
    const silent = setTimeout(() => finish({ pid: 0, purpose: "a busy command", since: "" }), 2000);
    const finish = (holder: Holder | null) => {
      clearTimeout(silent);
      socket.destroy();
      resolve(holder);
    };
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("error", () => finish(null));
    socket.on("end", () => {
      try {
        finish(JSON.parse(text) as Holder);
      } catch {
        finish(null);
      }
    });
  });
}
