import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { readDeployed } from "../topology.ts";
import { qualified } from "./plan/statement.ts";
import type { Step, Undo } from "./plan/steps.ts";
import { openDatabase } from "./run/database.ts";
import { StepFailed } from "./run/failure.ts";
import { markUndone, type PastStep, runNames, stepsToUndo } from "./run/journal.ts";
import { type Patience, type Runner, runUnrecorded } from "./run/runStep.ts";

interface Told {
  cluster: string;
  title: string;
}

export interface UndoReport {
  stack: string;
  /** Null where there was nothing to take back. */
  run: string | null;
  undone: Told[];
  /** What is no longer as the run made it stays. */
  left: (Told & { reason: string })[];
  failed: (Told & { reason: string; todo: string })[];
}

/**
 * Takes back what a run made, the last step first. Can be interrupted and run again.
 * @param run Its name; null: the last one that can be taken back.
 */
export async function undoIndexes(
  stack: string,
  run: string | null,
  patience: Patience,
  ctx: OperationContext,
): Promise<UndoReport> {
  const { topology } = await readDeployed(stack, ctx);
  const report: UndoReport = { stack, run: null, undone: [], left: [], failed: [] };
  const known: string[] = [];
  for (const cluster of topology.clusters) {
    await using database = await openDatabase(topology, cluster, ctx);
    const runner = await database.runner("undo", [], patience);
    known.push(...(await runNames(database.client)));
    for (const step of await stepsToUndo(database.client, run)) {
      report.run = step.run;
      await undoStep(step, cluster.name, runner, report);
    }
  }
  if (run !== null && !known.includes(run)) throw unknownRun(stack, run, known);
  return report;
}

async function undoStep(step: PastStep, cluster: string, runner: Runner, report: UndoReport): Promise<void> {
  const told = { cluster, title: step.title };
  const reason = await reasonToLeave(step, runner);
  if (reason !== null) {
    report.left.push({ ...told, reason });
    return;
  }
  try {
    for (const one of undoSteps(step.undo!, step.title)) await runUnrecorded(one, runner);
    await markUndone(runner.client, step);
    report.undone.push(told);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    report.failed.push({ ...told, ...error.failure });
  }
}

/** Null: it is as the run made it, or not there at all. */
async function reasonToLeave({ undo, made }: PastStep, { client }: Runner): Promise<string | null> {
  if (undo?.kind === "index" || undo?.kind === "partitioned index") {
    const { rows } = await client.query("SELECT pg_get_indexdef(to_regclass($1)) AS now", [qualified(undo)]);
    const now = rows[0].now as string | null;
    if (made !== null && now !== null && now !== made) return "it was changed since";
    const parent = await client.query(
      "SELECT inhparent::regclass::text AS name FROM pg_inherits WHERE inhrelid = to_regclass($1)",
      [qualified(undo)],
    );
    const name = parent.rows[0]?.name as string | undefined;
    return name === undefined ? null : `it is a part of ${name}, which this run did not make`;
  }
  if (undo?.kind === "partition") {
    const { rows } = await client.query("SELECT to_regclass($1) IS NOT NULL AS there", [qualified(undo)]);
    if (!rows[0].there) return null;
    const full = await client.query(`SELECT EXISTS (SELECT FROM ${qualified(undo)}) AS rows`);
    return full.rows[0].rows ? "it holds rows" : null;
  }
  return null;
}

function undoSteps(undo: Undo, title: string): Step[] {
  const step = (sql: string, lock: Step["lock"]): Step => ({
    title: `take back: ${title}`,
    ...{ sql: [sql], undo: null, leftover: null, lock },
  });
  switch (undo.kind) {
    case "index":
      return [step(`DROP INDEX CONCURRENTLY IF EXISTS ${qualified(undo)}`, "patient")];
    case "partitioned index":
      return [
        step(`DROP INDEX IF EXISTS ${qualified(undo)}`, "brief"),
        ...undo.restore.map((sql) => step(sql, "patient")),
      ];
    case "view":
      return [step(`DROP MATERIALIZED VIEW IF EXISTS ${qualified(undo)}`, "brief")];
    case "partition":
      return [step(`DROP TABLE IF EXISTS ${qualified(undo)}`, "brief")];
    case "extension":
      return [step(`DROP EXTENSION IF EXISTS "${undo.name}"`, "brief")];
    case "statement":
      return [step(undo.sql, "patient")];
  }
}

function unknownRun(stack: string, run: string, known: string[]): Problem {
  return new Problem({
    happened: `${stack} has no run "${run}".`,
    left: "Nothing was changed.",
    todo: [known.length > 0 ? `Give one of: ${known.join(", ")}` : "No run has made anything yet."],
    exitCode: 2,
  });
}
