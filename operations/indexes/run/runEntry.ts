import type { Client } from "pg";
import type { IndexEntry } from "../catalogue/entries.ts";
import type { Planned } from "../plan/plan.ts";
import { qualified, readable } from "../plan/statement.ts";
import type { Step } from "../plan/steps.ts";
import type { Outcome, OutcomeList } from "../report.ts";
import { explainDuplicates } from "./duplicates.ts";
import { type Failure, StepFailed, sqlState, states } from "./failure.ts";
import { type Runner, runStep } from "./runStep.ts";

/** How steps are carried out: really, or only told. */
export type Act = { kind: "run"; runner: Runner } | { kind: "tell" };

/** One database's run: where it works, and where what became of each entry is written. */
export interface Run {
  client: Client;
  cluster: string;
  act: Act;
  outcomes: Record<OutcomeList, Outcome[]>;
}

export function isIndex(entry: Planned["entry"]): entry is IndexEntry {
  return entry.type === "columns" || entry.type === "vector";
}

/** Does what was planned for an entry. Where a step fails, its entry ends; the others go on. */
export async function runEntry({ entry, verdict }: Planned, run: Run): Promise<void> {
  const { cluster, outcomes } = run;
  const outcome: Outcome = { cluster, catalogue: entry.catalogue, ...nameOf(entry) };
  if (verdict.kind === "present") {
    outcomes.present.push({ ...outcome, ...noteOf(verdict.note) });
  } else if (verdict.kind === "skipped") {
    outcomes.skipped.push({ ...outcome, reason: verdict.reason });
  } else if (verdict.kind === "failed") {
    outcomes.failed.push({ ...outcome, reason: verdict.reason, todo: verdict.todo });
  } else {
    const list = verdict.repaired ? "repaired" : "created";
    await runSteps(verdict.steps, { ...outcome, ...noteOf(verdict.note) }, list, run, entry);
  }
}

/** @param list Where success is written; null: nowhere. */
export async function runSteps(
  steps: Step[],
  outcome: Outcome,
  list: OutcomeList | null,
  { act, client, outcomes }: Run,
  entry: Planned["entry"] | null = null,
): Promise<void> {
  if (act.kind === "tell") {
    outcomes[list ?? "created"].push({ ...outcome, sql: steps.flatMap((step) => step.sql) });
    return;
  }
  const started = performance.now();
  try {
    for (const step of steps) await runStep(step, act.runner);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    outcomes.failed.push({ ...outcome, ...(await failureOf(error, entry, client)) });
    return;
  }
  if (list === null) return;
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const bytes = entry && isIndex(entry) ? { bytes: await sizeOf(client, entry) } : {};
  outcomes[list].push({ ...outcome, seconds, ...bytes });
}

async function failureOf(
  { failure, cause }: StepFailed,
  entry: Planned["entry"] | null,
  client: Client,
): Promise<Failure> {
  if (entry?.type !== "columns" || sqlState(cause) !== states.uniqueViolation) return failure;
  return explainDuplicates(client, entry);
}

function nameOf(entry: Planned["entry"]): Pick<Outcome, "kind" | "name" | "table"> {
  if (entry.type === "view") return { kind: "view", name: readable(entry) };
  const table = readable(entry.table);
  return isIndex(entry)
    ? { kind: "index", name: entry.name, table }
    : { kind: "partitions", name: table, table };
}

function noteOf(note: string | null): { note?: string } {
  return note === null ? {} : { note };
}

/** Of a partitioned table's index: that of all its parts. */
async function sizeOf(client: Client, { table, name }: IndexEntry): Promise<number> {
  const { rows } = await client.query(
    `SELECT coalesce((SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(to_regclass($1)) WHERE isleaf),
       pg_relation_size(to_regclass($1)), 0)::float8 AS bytes`,
    [qualified({ schema: table.schema, name })],
  );
  return rows[0].bytes as number;
}
