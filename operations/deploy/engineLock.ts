import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import { EngineError } from "./engine.ts";
import { type Deployment, ownerVariable, runEngine } from "./workspace.ts";

/** One lock that Pulumi's own message names. */
export interface EngineLock {
  /** As Pulumi says it: "root@host (pid 123) at 2026-11-21T07:00:00Z". */
  text: string;
  host: string | null;
  pid: number | null;
}

/** Reads the locks out of the engine's refusal; null where it failed for something else. */
export function parseLocks(stderr: string): EngineLock[] | null {
  if (!/the stack is currently locked by|Another update is currently in progress/.test(stderr)) return null;
  const found = [...stderr.matchAll(/created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)/g)];
  return found.map(([text, , host, pid]) => ({
    text: text.slice("created by ".length),
    host: host!,
    pid: Number(pid),
  }));
}

/** What is to be done about a lock. `wait`: an engine that a killed command of ours left finishes its last step. */
export type Verdict = "break" | "wait" | "refuse";

export interface Liveness {
  host: string;
  alive: boolean;
  /** The command of ours that started it; null where it was started by something else. */
  owner: { alive: boolean } | null;
}

/** Decides on one lock from what this host knows about its process. */
export function judgeLock(lock: EngineLock, here: Liveness): Verdict {
  if (lock.host !== here.host || lock.pid === null) return "refuse";
  if (!here.alive) return "break";
  return here.owner && !here.owner.alive ? "wait" : "refuse";
}

/**
 * Runs `work`; where the engine finds the stack locked by a dead process of this host, the lock is broken and
 * `work` is run again.
 * @throws Problem that names the lock and the command that lifts it, where it is anybody else's.
 */
export async function withEngineLock<T>(
  deployment: Deployment,
  onLine: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const locks = error instanceof EngineError ? parseLocks(error.stderr + error.stdout) : null;
      if (!locks) throw error;
      if (attempt > 3) throw refusal(deployment, locks);
      await lift(deployment, locks, onLine);
    }
  }
}

async function lift(
  deployment: Deployment,
  locks: EngineLock[],
  onLine: (line: string) => void,
): Promise<void> {
  const verdicts = await Promise.all(locks.map(async (lock) => judgeLock(lock, await livenessOf(lock))));
  if (locks.length === 0 || verdicts.includes("refuse")) throw refusal(deployment, locks);
  for (const lock of locks.filter((_, index) => verdicts[index] === "wait")) {
    onLine(`An earlier command was cut off; its engine (process ${lock.pid}) is finishing its last step.`);
    await endOf(lock.pid!);
  }
  if (verdicts.includes("break")) {
    onLine(`Breaking the lock of a dead process: ${locks.map((lock) => lock.text).join(", ")}`);
    await runEngine(deployment, ["cancel", "--yes", "--stack", deployment.file.stack]);
  }
}

function refusal(deployment: Deployment, locks: EngineLock[]): Problem {
  const { stack } = deployment.file;
  return new Problem({
    happened: `The state of ${stack} is locked.`,
    details: locks.map((lock) => lock.text),
    left: "Nothing was changed.",
    todo: [
      "Wait until that update has ended, then run this again.",
      `Or, when you are sure that it is dead, lift its lock: ${liftCommand(deployment)}`,
    ],
  });
}

function liftCommand({ file, folder, env, engine }: Deployment): string {
  const variables = file.embedded ? `PULUMI_BACKEND_URL=${env.PULUMI_BACKEND_URL} ` : "";
  return `${variables}${engine.command} cancel --yes --stack ${file.stack} --cwd ${folder}`;
}

async function livenessOf(lock: EngineLock): Promise<Liveness> {
  const host = hostname();
  if (lock.pid === null || lock.host !== host) return { host, alive: false, owner: null };
  const command = await proc(lock.pid, "cmdline");
  // A process id is used again at some time: only an engine counts.
  if (!command?.split("\0")[0]?.endsWith("pulumi")) return { host, alive: false, owner: null };
  const owner = new RegExp(`(?:^|\\0)${ownerVariable}=(\\d+)`).exec((await proc(lock.pid, "environ")) ?? "");
  if (!owner) return { host, alive: true, owner: null };
  // The command that started it is its parent as long as it lives.
  const parent = /^PPid:\s*(\d+)/m.exec((await proc(lock.pid, "status")) ?? "")?.[1];
  return { host, alive: true, owner: { alive: parent === owner[1] } };
}

async function proc(pid: number, file: string): Promise<string | null> {
  try {
    return await readFile(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOENT" || code === "ESRCH") return null;
    // Another user's process: it is there, and no more is known.
    if (code === "EACCES") return "";
    throw new Error(`Process ${pid} cannot be looked at: ${messageOf(error)}`, { cause: error });
  }
}

/** Resolves when the process is gone; ten minutes is the longest that a step of an engine may take. */
async function endOf(pid: number): Promise<void> {
  const deadline = Date.now() + 600_000;
  while ((await proc(pid, "stat")) !== null) {
    if (Date.now() > deadline)
      throw new Problem({
        happened: `The engine of an earlier command (process ${pid}) has been working for ten minutes more.`,
        left: "Nothing was changed by this command.",
        todo: [`Look at what it does, or end it (kill ${pid}), then run this again.`],
      });
    await sleep(300);
  }
}
