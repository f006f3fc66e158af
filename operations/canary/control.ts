import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Topology } from "../../infra/topology.ts";
import { isLock, tryLock } from "../../toolchain/lock.ts";
import { dataFolder } from "../../toolchain/paths.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { readDeployed } from "../topology.ts";
import { asOwner, missingRows, runName, target } from "./canary.ts";
import { readLedger, removeLedger } from "./ledger.ts";
import type { StandingSettings } from "./standing.ts";
import { prepareTable, removeRun } from "./table.ts";
import { quantile, type Tally, tallySchema } from "./tally.ts";

/** What `canary report --json` prints. */
export interface StandingReport {
  stack: string;
  running: boolean;
  since: string;
  /** Rows whose commit was acknowledged, as the operator's machine knows them, and those of them that are not there. */
  acknowledged: number;
  missing: number;
  errors: number;
  reads: number;
  worstStallMs: number;
  p99StallMs: number;
  stalls: { at: string; ms: number }[];
  samples: string[];
}

/** The name of its run; its rows stand under it in the database. */
const RUN = "standing";
const WRITERS = 2;
/** How long it may take to begin, and to end with the row it is at (milliseconds). */
const PATIENCE = 15_000;

interface Places {
  folder: string;
  ledger: string;
  status: string;
  lock: string;
}

/** Leaves a canary on, as a process of this machine. @throws Problem (exit 2) where one is on. */
export async function startCanary(
  stack: string,
  options: { rate: number },
  ctx: OperationContext,
): Promise<{ stack: string; pid: number; folder: string }> {
  const { topology } = await readDeployed(stack, ctx);
  const places = placesOf(stack);
  const pid = await runningPid(places);
  if (pid !== null) throw alreadyOn(stack, pid);
  const { application, readonly } = topology.clusters[0]!.roles;
  await asOwner(topology, (owner) =>
    prepareTable(owner, { application: application.name, readonly: readonly.name }),
  );
  mkdirSync(places.folder, { recursive: true, mode: 0o700 });
  await rm(places.status, { force: true });
  const started = spawnStanding(settingsOf(topology, places, options.rate));
  const end = Date.now() + PATIENCE;
  while ((await readTally(places)) === null) {
    ctx.signal.throwIfAborted();
    if (Date.now() > end) throw new Error(`the canary does not begin within ${PATIENCE / 1000} s`);
    await sleep(100);
  }
  return { stack, pid: started, folder: places.folder };
}

/** Looks for every row that was acknowledged; the canary goes on. */
export async function canaryReport(stack: string, ctx: OperationContext): Promise<StandingReport> {
  const { topology } = await readDeployed(stack, ctx);
  return await judge(topology, placesOf(stack));
}

/** Ends it. What it wrote is removed where all of it is there, and kept for a look where it is not. */
export async function stopCanary(stack: string, ctx: OperationContext): Promise<StandingReport> {
  const { topology } = await readDeployed(stack, ctx);
  const places = placesOf(stack);
  const pid = await runningPid(places);
  if (pid !== null) process.kill(pid, "SIGTERM");
  const end = Date.now() + PATIENCE;
  while ((await runningPid(places)) !== null) {
    if (Date.now() > end) throw new Error(`the canary (process ${pid}) does not end`);
    await sleep(100);
  }
  const report = await judge(topology, places);
  if (report.missing > 0) return report;
  const segments = await readLedger(places.ledger);
  await asOwner(topology, async (owner) => {
    for (const { name } of segments) await removeRun(owner, runName(RUN, name));
  });
  await removeLedger(places.folder);
  return report;
}

function settingsOf(topology: Topology, places: Places, rate: number): StandingSettings {
  return {
    load: {
      write: target(topology, "write", "application"),
      read: target(topology, "read", "readonly"),
      rate,
      writers: WRITERS,
    },
    run: RUN,
    lock: places.lock,
    ledger: places.ledger,
    status: places.status,
  };
}

/** It has no terminal and no parent: it goes on where the command and its session end. */
function spawnStanding(settings: StandingSettings): number {
  const script = new URL("./standing.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  child.stdin!.end(JSON.stringify(settings));
  child.unref();
  return child.pid!;
}

async function judge(topology: Topology, places: Places): Promise<StandingReport> {
  const tally = await readTally(places);
  if (tally === null) throw neverOn(topology.stack);
  const segments = await readLedger(places.ledger);
  const missing = await missingRows(topology, RUN, segments);
  return {
    stack: topology.stack,
    running: (await runningPid(places)) !== null,
    since: tally.since,
    acknowledged: segments.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0),
    missing: missing.length,
    errors: tally.errors,
    reads: tally.reads,
    worstStallMs: tally.longest[0]?.ms ?? 0,
    p99StallMs: quantile(tally, 0.99),
    stalls: tally.longest,
    samples: [...tally.samples, ...missing.slice(0, 5).map((row) => `missing: ${row}`)],
  };
}

function placesOf(stack: string): Places {
  const folder = join(dataFolder(), "canary", stack, RUN);
  return {
    folder,
    ledger: join(folder, "ledger"),
    status: join(folder, "status.json"),
    lock: `${folder}#canary`,
  };
}

async function runningPid({ lock }: Places): Promise<number | null> {
  const held = await tryLock(lock, "canary");
  if (!isLock(held)) return held.pid;
  await held.release();
  return null;
}

async function readTally({ status }: Places): Promise<Tally | null> {
  const text = await readFile(status, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return text === null ? null : tallySchema.parse(JSON.parse(text));
}

function alreadyOn(stack: string, pid: number): Problem {
  return new Problem({
    happened: `The canary of ${stack} is on already (process ${pid}).`,
    left: "Nothing was changed.",
    todo: [`npx phasewise canary report ${stack}`, `npx phasewise canary stop ${stack}`],
    exitCode: 2,
  });
}

function neverOn(stack: string): Problem {
  return new Problem({
    happened: `${stack} has no canary on this machine.`,
    left: "Nothing was changed.",
    todo: [`npx phasewise canary start ${stack}`],
    exitCode: 2,
  });
}
