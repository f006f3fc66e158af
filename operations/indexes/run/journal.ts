import type { Client } from "pg";
import type { Step, Undo } from "../plan/steps.ts";

/**
 * What runs did, in the database that they did it to. Each step is written before its effect: after a kill -9 the
 * journal names everything that may have happened, and `--undo` finds it.
 */
const tables = `CREATE SCHEMA IF NOT EXISTS phasewise;
REVOKE ALL ON SCHEMA phasewise FROM PUBLIC;
CREATE TABLE IF NOT EXISTS phasewise.index_runs (
  run text PRIMARY KEY, begun timestamptz NOT NULL DEFAULT clock_timestamp(), ended timestamptz,
  catalogues text[] NOT NULL, by text NOT NULL);
CREATE TABLE IF NOT EXISTS phasewise.index_steps (
  run text NOT NULL REFERENCES phasewise.index_runs, step int NOT NULL, title text NOT NULL, sql text NOT NULL,
  undo jsonb, begun timestamptz NOT NULL DEFAULT clock_timestamp(), ended timestamptz,
  state text NOT NULL DEFAULT 'begun' CHECK (state IN ('begun', 'done', 'failed', 'undone')),
  made text, error text, PRIMARY KEY (run, step))`;

/** A step of an earlier run that may have had its effect. */
export interface PastStep {
  run: string;
  step: number;
  title: string;
  undo: Undo | null;
  /** The definition of the index that it made. */
  made: string | null;
}

export interface Journal {
  readonly run: string;
  /** Whether there is something to take back. A run that has nothing to do leaves no trace at all. */
  readonly made: boolean;
  begin(step: Step): Promise<number>;
  end(step: number, result: { made?: string | null } | { error: string }): Promise<void>;
  close(): Promise<void>;
}

/** @param run Its name, the same in all databases that one command works on. */
export function openJournal(client: Client, run: string, catalogues: string[], by: string): Journal {
  let steps = 0;
  let made = false;
  const undoable = new Map<number, boolean>();
  return {
    run,
    get made() {
      return made;
    },
    begin: async (step) => {
      undoable.set(steps + 1, step.undo !== null);
      if (steps === 0) {
        await client.query(tables);
        await client.query("INSERT INTO phasewise.index_runs (run, catalogues, by) VALUES ($1, $2, $3)", [
          run,
          catalogues,
          by,
        ]);
      }
      steps += 1;
      await client.query(
        "INSERT INTO phasewise.index_steps (run, step, title, sql, undo) VALUES ($1, $2, $3, $4, $5)",
        [run, steps, step.title, step.sql.join(";\n"), step.undo && JSON.stringify(step.undo)],
      );
      return steps;
    },
    end: async (step, result) => {
      made ||= !("error" in result) && undoable.get(step) === true;
      const [state, definition, error] =
        "error" in result ? ["failed", null, result.error] : ["done", result.made, null];
      await client.query(
        `UPDATE phasewise.index_steps SET state = $3, made = $4, error = $5, ended = clock_timestamp()
         WHERE run = $1 AND step = $2`,
        [run, step, state, definition ?? null, error],
      );
    },
    close: async () => {
      if (steps === 0) return;
      await client.query("UPDATE phasewise.index_runs SET ended = clock_timestamp() WHERE run = $1", [run]);
    },
  };
}

/**
 * The steps of a run that can be undoable back, the last one first; without a name those of the last such run. Indexes of
 * partitioned tables go before all others: those of their partitions hang on them.
 */
export async function stepsToUndo(client: Client, run: string | null): Promise<PastStep[]> {
  const { rows } = await client.query("SELECT to_regclass('phasewise.index_steps') IS NOT NULL AS there");
  if (!rows[0].there) return [];
  const found = await client.query<PastStep>(
    `SELECT run, step, title, undo, made FROM phasewise.index_steps
     WHERE state IN ('begun', 'done') AND undo IS NOT NULL AND run = coalesce($1, (
       SELECT run FROM phasewise.index_runs r JOIN phasewise.index_steps s USING (run)
       WHERE s.state IN ('begun', 'done') AND s.undo IS NOT NULL ORDER BY r.begun DESC LIMIT 1))
     ORDER BY undo ->> 'kind' = 'partitioned index' DESC, step DESC`,
    [run],
  );
  return found.rows;
}

export async function markUndone(client: Client, { run, step }: PastStep): Promise<void> {
  await client.query(
    "UPDATE phasewise.index_steps SET state = 'undone', ended = clock_timestamp() WHERE run = $1 AND step = $2",
    [run, step],
  );
}

/** Names of the runs that there are, the newest first. */
export async function runNames(client: Client): Promise<string[]> {
  const { rows } = await client.query("SELECT to_regclass('phasewise.index_runs') IS NOT NULL AS there");
  if (!rows[0].there) return [];
  const runs = await client.query<{ run: string }>(
    "SELECT run FROM phasewise.index_runs ORDER BY begun DESC LIMIT 20",
  );
  return runs.rows.map((row) => row.run);
}
