import type { PostgresSession } from "../../clients/postgres.ts";
import type { Topology } from "../../infra/topology.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import { type Connection, connection } from "../connection.ts";
import type { OperationContext } from "../context.ts";
import { restoreInPlace } from "../restore/inPlace/inPlace.ts";
import { makeRestorePoint } from "../restore/restorePoint.ts";
import { readDeployed } from "../topology.ts";
import { openWorld } from "../verify/world.ts";
import { verifyStack } from "../verifyStack.ts";
import { runWithDatabase } from "./command.ts";
import { LEVELS, type Level, levelsFor, type Tried, tried } from "./levels.ts";
import { newIndexes, readSchema, type Schema } from "./schema.ts";

export interface GuardOptions {
  /** The command's words. */
  command: string[];
  /** SQL that must give one row whose first value is true, before and after. */
  checks: string[];
  /** For the shell: takes the change back. */
  undo?: string | undefined;
  /** What to do where it fails: `ask` asks `confirm` before each level. */
  onFailure: "restore" | "keep" | "ask";
  /** Standard output is kept for the report. */
  quiet: boolean;
  confirm(level: Level, title: string): Promise<boolean>;
}

/** What `guard --json` prints. */
export interface GuardReport {
  ok: boolean;
  stack: string;
  /** The restore point; `restore --to` comes back to it as long as its backup is kept. */
  point: string;
  command: { code: number; seconds: number };
  /** What was wrong afterwards. */
  faults: string[];
  back: Tried[];
}

/** Runs a command between a restore point and a look at everything, and leads back where it went wrong. */
export async function guard(
  stack: string,
  options: GuardOptions,
  ctx: OperationContext,
): Promise<GuardReport> {
  const { topology } = await readDeployed(stack, ctx);
  const target = await connection(stack, "owner", ctx);
  const before = await asOwner(topology, readSchema, ctx);
  const wrong = await failing(topology, options.checks, ctx);
  if (wrong.length > 0) throw wrongBefore(wrong);
  const point = `guard-${new Date().toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}`;
  await makeRestorePoint(stack, point, ctx);
  ctx.onLine(`restore point ${point} is in the archive; running ${options.command[0]} ...`);
  const start = Date.now();
  const code = await runWithDatabase(options.command, target, { quiet: options.quiet });
  const command = { code, seconds: secondsSince(start) };
  const faults = [
    ...(code === 0 ? [] : [`the command ended with code ${code}`]),
    ...(await faultsOf(topology, options.checks, ctx)),
  ];
  const report: GuardReport = { ok: faults.length === 0, stack, point, command, faults, back: [] };
  if (report.ok || options.onFailure === "keep") return report;
  for (const fault of faults) ctx.onLine(`failed: ${fault}`);
  const run = { topology, target, before, point, options };
  report.back = await leadBack(run, ctx);
  return report;
}

interface Run {
  topology: Topology;
  target: Connection;
  before: Schema;
  point: string;
  options: GuardOptions;
}

/** Tries the levels that can help until one does. */
async function leadBack(run: Run, ctx: OperationContext): Promise<Tried[]> {
  const { before, options, topology } = run;
  const made = await asOwner(topology, readSchema, ctx).then(
    (after) => newIndexes(before, after),
    () => [],
  );
  const done: Tried[] = [];
  for (const level of levelsFor({ undo: options.undo !== undefined, newIndexes: made })) {
    const { title } = LEVELS[level];
    if (options.onFailure === "ask" && !(await options.confirm(level, title))) continue;
    ctx.onLine(`${level}: ${title} ...`);
    const start = Date.now();
    const one = await tryLevel(level, run, made, ctx).then(
      (detail) =>
        tried(level, secondsSince(start), detail === null ? "recovered" : "not enough", detail ?? title),
      (error) => {
        ctx.signal.throwIfAborted();
        return tried(level, secondsSince(start), "failed", messageOf(error).split("\n")[0]!);
      },
    );
    ctx.onLine(
      `${level}: ${one.state} after ${one.seconds} s${one.state === "recovered" ? "" : `: ${one.detail}`}`,
    );
    done.push(one);
    if (one.state === "recovered") break;
  }
  return done;
}

/** @returns Null where everything is as before, else why not. */
async function tryLevel(
  level: Level,
  run: Run,
  made: string[],
  ctx: OperationContext,
): Promise<string | null> {
  const { before, options, point, target, topology } = run;
  const { limitSeconds } = LEVELS[level];
  if (level === "L1") {
    const code = await runWithDatabase(options.undo!, target, {
      quiet: options.quiet,
      seconds: limitSeconds,
    });
    if (code !== 0) return `the command ended with code ${code}`;
  } else if (level === "L2") {
    await asOwner(
      topology,
      async (owner) => {
        for (const name of made) await owner.rows(`DROP INDEX IF EXISTS ${name}`);
      },
      ctx,
    );
  } else {
    await restoreInPlace(topology.stack, { to: point, keepOld: true }, ctx);
  }
  const after = await asOwner(topology, readSchema, ctx);
  if (after.fingerprint !== before.fingerprint) return "tables, columns or functions are not as they were";
  const faults = await faultsOf(topology, options.checks, ctx);
  return faults.length === 0 ? null : faults.join("; ");
}

/** All that is wrong: the checks of the caller, and those of `verify` that the change may have to do with. */
async function faultsOf(topology: Topology, checks: string[], ctx: OperationContext): Promise<string[]> {
  const { checks: results } = await verifyStack(topology.stack, ctx);
  const failed = results.filter(({ name, ok }) => !ok && CONCERNED.includes(name));
  return [
    ...failed.map(({ detail, name }) => `verify: ${name}: ${detail}`),
    ...(await failing(topology, checks, ctx)),
  ];
}

/** What a change of the database can break; an overdue drill, say, was overdue before. */
const CONCERNED = ["write-and-read", "extensions", "patroni", "pooler", "archiving"];

async function failing(topology: Topology, checks: string[], ctx: OperationContext): Promise<string[]> {
  const faults: string[] = [];
  for (const sql of checks) {
    const text = await asOwner(topology, (owner) => owner.rows(sql), ctx).then(
      (rows) => (Object.values(rows[0] ?? {})[0] === true ? null : "is not true"),
      (error) => messageOf(error).split("\n")[0]!,
    );
    if (text !== null) faults.push(`check ${sql}: ${text}`);
  }
  return faults;
}

async function asOwner<T>(
  topology: Topology,
  use: (session: PostgresSession) => Promise<T>,
  ctx: OperationContext,
): Promise<T> {
  await using world = openWorld(topology, { unavailable: "the database is asked, not the cloud" }, ctx);
  return await world.sql(topology.clusters[0]!, "owner", use);
}

function wrongBefore(faults: string[]): Problem {
  return new Problem({
    happened: "The checks do not hold even before the command:",
    details: faults,
    left: "The command was not run.",
    todo: ["Each --check is SQL whose first value is true where all is well."],
    exitCode: 2,
  });
}

function secondsSince(start: number): number {
  return Math.round((Date.now() - start) / 100) / 10;
}
