import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { type ConvergerEvent, EventReader, type Result } from "./converger/events.ts";
import type { SshKeyPair } from "./ssh/keys.ts";
import { connect, type ExecResult, SshLost, type SshSession, type SshTarget } from "./ssh.ts";

/** What the converger is to do. Secret values travel in here, over stdin only. */
export interface Payload {
  mode: "converge" | "check";
  /** What the machine must look like, in the wire form. */
  manifest: { hostname: string };
  secrets: Record<string, string>;
  /** The host key to put in place; null leaves the machine's. */
  hostKey: SshKeyPair | null;
  deadlineSeconds: number;
}

export interface RunOptions {
  /** Stops the run at the next safe place. */
  signal: AbortSignal;
  /** How long to wait for the machine to answer, in seconds. */
  connectSeconds: number;
  /** How long to wait for one that takes connections, but is too busy to finish one; in seconds. */
  busySeconds?: number;
  /** Whether it boots for the first time: it may then refuse us for a moment. */
  firstBoot: boolean;
  onEvent: (event: ConvergerEvent) => void;
  /** Called while the machine does not answer. */
  onWait: (line: string) => void;
}

const FOLDER = new URL("./converger/remote/", import.meta.url);
/** Beyond the converger's own deadline: time for it to end by itself and to say how. */
const GRACE_SECONDS = 60;
/** Reads the request from stdin and runs the launcher out of it. The machine needs Python 3 and systemd only. */
const LOADER =
  "import json,sys;r=json.load(sys.stdin);" +
  'exec(compile(r["launch"],"launch.py","exec"),{"__name__":"__main__","REQUEST":r["request"]})';

/** The converger's own text, and a version that changes with it. */
export function sources(): { launch: string; version: string; files: Record<string, string> } {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".py"));
  const all = Object.fromEntries(
    names.sort().map((name) => [name, readFileSync(new URL(name, FOLDER), "utf8")]),
  );
  const { "launch.py": launch = "", ...files } = all;
  const version = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 16);
  return { launch, version, files };
}

/**
 * Runs the converger on a machine and returns its result. A connection that breaks is made again, and attaches to
 * the run, which goes on meanwhile. Throws `SshError` if the machine cannot be reached, and the signal's reason
 * if it was aborted before the run began.
 */
export async function runConverger(
  target: SshTarget,
  payload: Payload,
  options: RunOptions,
): Promise<Result> {
  const end = Date.now() + (payload.deadlineSeconds + options.connectSeconds + GRACE_SECONDS) * 1000;
  const { launch, version, files } = sources();
  const stdin = JSON.stringify({ launch, request: { version, files, payload } });
  let seconds = options.connectSeconds;
  for (;;) {
    const session = await connect(target, {
      signal: options.signal,
      deadlineMs: seconds * 1000,
      busyMs: (options.busySeconds ?? 0) * 1000,
      ...(options.firstBoot ? {} : { refusalMs: 0 }),
      onWait: (waited, reason) => options.onWait(`waiting for ${target.host} ${waited} s (${reason})`),
    });
    try {
      return await runOnce(session, stdin, options);
    } catch (error) {
      if (!(error instanceof SshLost) || Date.now() > end) throw error;
      options.onWait("connection lost, connecting again; the run on the machine goes on");
      seconds = Math.max(1, (end - Date.now()) / 1000);
    } finally {
      session.close();
    }
  }
}

async function runOnce(session: SshSession, stdin: string, options: RunOptions): Promise<Result> {
  let unit: string | null = null;
  let result: Result | null = null;
  const stop = () => {
    if (unit !== null) void requestStop(session, unit);
  };
  const reader = new EventReader((event) => {
    if (event.event === "result") result = event;
    if (event.event === "unit") {
      unit = event.unit;
      if (options.signal.aborted) stop();
    }
    options.onEvent(event);
  });
  options.signal.addEventListener("abort", stop);
  try {
    const done = await session.exec(`exec python3 -I -c '${LOADER}'`, {
      stdin,
      onStdout: (text) => reader.push(text),
    });
    if (result === null) throw new Error(noResult(done));
    return result;
  } finally {
    options.signal.removeEventListener("abort", stop);
  }
}

/** SIGTERM to the converger alone: it finishes what it is at and says that it was stopped. */
async function requestStop(session: SshSession, unit: string): Promise<void> {
  try {
    await session.exec(`systemctl kill --kill-whom=main --signal=TERM ${unit}`);
  } catch (error) {
    // The run is followed over the same connection: its end reports the loss.
    if (!(error instanceof SshLost)) throw error;
  }
}

function noResult(done: ExecResult): string {
  if (done.code === 127) {
    return "The machine has no python3, which the converger needs: use Debian's own image. Nothing was changed.";
  }
  const words = done.stderr.trim().split("\n").slice(-5).join("\n");
  return `The converger could not be started on the machine (exit code ${done.code}).\n${words}`.trim();
}
