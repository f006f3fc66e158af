import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isLock, tryLock } from "../toolchain/lock.ts";
import { Problem } from "../toolchain/problem.ts";
import { Progress } from "./progress.ts";
import {
  type DaemonRecord,
  isAlive,
  newToken,
  paths,
  type Ready,
  readDaemon,
  readFailure,
  readSettings,
  removeDaemon,
  writeSettings,
} from "./state.ts";
import { StoreBusyError, seizeStore } from "./store/store.ts";

export interface StartOptions {
  /** Absolute; made where it is missing. Everything of the cloud lies below it. */
  directory: string;
  /** 64 characters; without one the kept one stays, or a new one is made. */
  token?: string;
  /** Debian packages of the machine image; without any the kept ones stay. */
  imagePackages?: string[];
  /** Where the API shall listen; another port is taken when this one is in use. */
  ports?: { api?: number };
  onProgress?: (line: string) => void;
  /** Ends the waiting; a cloud that is starting goes on. */
  signal?: AbortSignal;
}

/** A cloud that is up, and how to reach it. */
export interface RunningCloud extends Ready {
  token: string;
  pid: number;
}

/** A start that says nothing for so long has failed: a build of the image speaks at least once a minute. */
const silenceMs = 180_000;
/** No start takes longer than this. */
const startMs = 30 * 60_000;
/** A daemon that was asked to stop finishes what is under way, up to 20 s. */
const stopMs = 40_000;
/** A daemon has the cloud in its hands, or has failed, after so long. */
const spawnMs = 30_000;
const healthMs = 3000;
const pollMs = 25;

/** Whether the cloud at this place answers and knows the token. */
async function isHealthy(ready: Ready, token: string): Promise<boolean> {
  try {
    const response = await fetch(`${ready.endpoint}/locations?name=-`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(healthMs),
    });
    return response.ok;
  } catch {
    // Not listening, or too busy to answer: for the caller both mean that it cannot be used now.
    return false;
  }
}

async function lastLines(path: string, count: number): Promise<string[]> {
  try {
    return (await readFile(path, "utf8")).trimEnd().split("\n").slice(-count);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Starts a daemon that outlives this process. */
function spawnDaemon(directory: string): void {
  const log = openSync(paths(directory).log, "a", 0o600);
  try {
    const child = spawn(
      process.execPath,
      // Uploads to the object storage would make the young generation grow to 48 MB, and malloc's arenas with it.
      ["--max-semi-space-size=4", join(import.meta.dirname, "daemon.ts"), "--directory", directory],
      {
        detached: true,
        stdio: ["ignore", log, log],
        cwd: "/",
        env: { ...process.env, MALLOC_ARENA_MAX: "2" },
      },
    );
    child.unref();
  } finally {
    closeSync(log);
  }
}

/** What a failed start is told as: the daemon's own words where it left some, else the end of its log. */
async function failure(directory: string, happened: string): Promise<Problem> {
  const told = await readFailure(directory);
  return new Problem({
    happened: told ? `The embedded cloud did not start: ${told.happened}` : happened,
    left: told?.left ?? "Machines, volumes and buckets are as they were.",
    todo:
      told && told.todo.length > 0
        ? told.todo
        : [`Read ${paths(directory).log}, put right what it names, and start the cloud again.`],
    details:
      told?.details.length || told?.todo.length ? told.details : await lastLines(paths(directory).log, 15),
  });
}

/** One caller at a time starts, stops or destroys the cloud of a directory; a killed one is out at once. */
async function locked<T>(
  { directory, signal }: Pick<StartOptions, "directory" | "signal">,
  purpose: string,
  body: () => Promise<T>,
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    const lock = await tryLock(`cloud of ${resolve(directory)}`, purpose);
    if (!isLock(lock)) {
      await sleep(pollMs);
      continue;
    }
    await using _ = lock;
    return await body();
  }
}

/** Waits until a daemon that is starting is up. @throws Problem when it is not, in time. */
async function waitUntilReady(options: StartOptions, token: string): Promise<RunningCloud> {
  const { directory } = options;
  const progress = new Progress(paths(directory).progress, options.onProgress ?? (() => {}));
  const started = Date.now();
  let seen = false;
  for (;;) {
    options.signal?.throwIfAborted();
    await progress.look();
    const daemon = await readDaemon(directory);
    const alive = daemon !== null && (await isAlive(daemon));
    seen ||= alive;
    if (alive && daemon.ready && (await isHealthy(daemon.ready, token))) {
      await progress.look();
      return { ...daemon.ready, token, pid: daemon.pid };
    }
    if (!alive && (seen || (await readFailure(directory)) || Date.now() - started > spawnMs)) {
      throw await failure(directory, "The embedded cloud did not start.");
    }
    if (Date.now() - progress.lastHeard > silenceMs || Date.now() - started > startMs) {
      throw await failure(directory, "The embedded cloud does not come up: its start makes no progress.");
    }
    await sleep(pollMs);
  }
}

/** The daemon's settings, made or brought up to date; whether a running daemon must be started anew for them. */
async function settle(options: StartOptions): Promise<{ token: string; changed: boolean }> {
  const { directory } = options;
  if (options.token !== undefined && options.token.length !== 64) {
    throw new Problem({
      happened: `The API token has ${options.token.length} characters; it must have 64.`,
      left: "Nothing was changed.",
      todo: ["Give a token of 64 characters, or none: one is made."],
    });
  }
  const kept = await readSettings(directory);
  const wanted = {
    token: options.token ?? kept?.token ?? newToken(),
    imagePackages: options.imagePackages ?? kept?.imagePackages ?? [],
    apiPort: options.ports?.api ?? kept?.apiPort ?? 0,
  };
  const changed = kept !== null && JSON.stringify(kept) !== JSON.stringify(wanted);
  if (kept === null || changed) await writeSettings(directory, wanted);
  return { token: wanted.token, changed };
}

/**
 * Starts the cloud of a directory, or finds it running. Callers at the same time get the same cloud; what a killed
 * daemon left is taken over.
 *
 * @throws Problem when it does not come up.
 */
export async function startCloud(options: StartOptions): Promise<RunningCloud> {
  const { directory } = options;
  return locked(options, "start the embedded cloud", async () => {
    const { token, changed } = await settle(options);
    const daemon = await readDaemon(directory);
    if (daemon && (await isAlive(daemon))) {
      if (!changed && (await isOfUse(daemon, token))) return waitUntilReady(options, token);
      await end(daemon);
    }
    await rm(paths(directory).progress, { force: true });
    await rm(paths(directory).failure, { force: true });
    await removeDaemon(directory);
    spawnDaemon(directory);
    return waitUntilReady(options, token);
  });
}

/** A daemon that is up answers soon; one that does not has to be replaced. One that is starting may take its time. */
async function isOfUse(daemon: DaemonRecord, token: string): Promise<boolean> {
  if (!daemon.ready) return true;
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await isHealthy(daemon.ready, token)) return true;
    await sleep(500);
  }
  return false;
}

/** Ends a daemon: asks first, and kills it when it does not go. */
async function end(daemon: DaemonRecord): Promise<void> {
  process.kill(daemon.pid, "SIGTERM");
  const asked = Date.now();
  let killed = false;
  while (await isAlive(daemon)) {
    if (!killed && Date.now() - asked > stopMs) {
      process.kill(daemon.pid, "SIGKILL");
      killed = true;
    }
    await sleep(pollMs);
  }
}

/**
 * Ends whatever runs the cloud of a directory, and runs `body` while nothing can. A daemon that was just started by
 * a caller who is dead by now may not have said yet that it is there: who has the store open tells.
 */
async function withoutDaemon<T>(directory: string, body: (wasRunning: boolean) => Promise<T>): Promise<T> {
  let wasRunning = false;
  for (const started = Date.now(); ; await sleep(pollMs)) {
    const daemon = await readDaemon(directory);
    if (daemon && (await isAlive(daemon))) {
      wasRunning = true;
      await end(daemon);
    }
    let seized: ReturnType<typeof seizeStore>;
    try {
      seized = seizeStore(paths(directory).store);
    } catch (error) {
      if (error instanceof StoreBusyError && Date.now() - started < silenceMs) continue;
      throw error;
    }
    try {
      await removeDaemon(directory);
      return await body(wasRunning);
    } finally {
      seized.release();
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Stops the daemon; machines keep running. Says whether one ran. */
export async function stopCloud({ directory }: { directory: string }): Promise<boolean> {
  if (!(await readSettings(directory))) return false;
  return locked({ directory }, "stop the embedded cloud", () =>
    withoutDaemon(directory, async (wasRunning) => wasRunning),
  );
}

/**
 * Revokes the keys of the object storage and makes new ones, as Hetzner's console does it: whoever has the old ones is
 * refused from now on. The daemon is stopped for it; the next start takes the new ones.
 */
export async function revokeObjectKeys({ directory }: { directory: string }): Promise<void> {
  await locked({ directory }, "revoke the object storage's keys", () =>
    withoutDaemon(directory, async () => {
      const { replaceKeys } = await import("./objects/accounts.ts");
      await replaceKeys(paths(directory).objects);
    }),
  );
}

export type CloudStatus =
  | { state: "absent" }
  | { state: "stopped" }
  | { state: "starting" | "unhealthy"; pid: number }
  | ({ state: "running" } & RunningCloud);

/** How it stands with the cloud of a directory. Changes nothing and waits for nothing. */
export async function cloudStatus({ directory }: { directory: string }): Promise<CloudStatus> {
  const settings = await readSettings(directory);
  if (!settings) return { state: "absent" };
  const daemon = await readDaemon(directory);
  if (!daemon || !(await isAlive(daemon))) return { state: "stopped" };
  if (!daemon.ready) return { state: "starting", pid: daemon.pid };
  if (!(await isHealthy(daemon.ready, settings.token))) return { state: "unhealthy", pid: daemon.pid };
  return { state: "running", ...daemon.ready, token: settings.token, pid: daemon.pid };
}

/** Removes the cloud with all that it has: machines, volumes, networks, buckets, and its directory. Can be repeated. */
export async function destroyCloud({
  directory,
  onProgress,
}: {
  directory: string;
  onProgress?: (line: string) => void;
}): Promise<void> {
  if (!(await exists(directory))) return;
  await locked({ directory }, "destroy the embedded cloud", () =>
    withoutDaemon(directory, async () => {
      const { destroyHypervisor } = await import("./machines/hypervisor.ts");
      await destroyHypervisor({
        directory: paths(directory).machines,
        imagePackages: [],
        ...(onProgress ? { onProgress } : {}),
      });
      await rm(directory, { recursive: true, force: true });
    }),
  );
}

/** What points other clients, as the hcloud CLI, at a cloud. */
export function cloudEnv(cloud: Pick<RunningCloud, "endpoint" | "token">): Record<string, string> {
  return { HCLOUD_ENDPOINT: cloud.endpoint, HCLOUD_TOKEN: cloud.token };
}
