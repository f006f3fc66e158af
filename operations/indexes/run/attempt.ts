import type { Client } from "pg";
import type { TableName } from "../catalogue/entries.ts";
import { qualified } from "../plan/statement.ts";
import type { Step } from "../plan/steps.ts";
import { isLost, passes } from "./failure.ts";
import type { Watch } from "./watch.ts";

/** A lock was not to be had; it may be a little later. */
export class Blocked extends Error {
  readonly holder: string | null;
  constructor(cause: unknown, holder: string | null) {
    super(`the lock is not free${holder ? `, held by ${holder}` : ""}`, { cause });
    this.holder = holder;
  }
}

/** It was stopped, or not begun, for a reason that its message tells. */
export class Stopped extends Error {}

export interface Attempt {
  client: Client;
  lockSeconds: number;
  watch: Watch;
}

/**
 * One attempt at a step. What an earlier one left half-made goes first.
 * @throws Blocked, Stopped, or what the server says.
 */
export async function attemptStep(step: Step, { client, lockSeconds, watch }: Attempt): Promise<void> {
  await client.query(`SET lock_timeout = '${Math.round(lockSeconds * 1000)}ms'`);
  try {
    if (step.leftover) await dropHalfMade(client, step.leftover);
    await execute(client, step.sql);
  } catch (error) {
    const stopped = watch.stopped();
    if (stopped !== null) throw new Stopped(stopped, { cause: error });
    throw passes(error) ? new Blocked(error, watch.holder()) : error;
  } finally {
    await watch.end();
  }
}

/** Several statements are one transaction; a single one is none, as concurrent builds ask. */
async function execute(client: Client, statements: string[]): Promise<void> {
  if (statements.length === 1) {
    await client.query(statements[0]!);
    return;
  }
  await client.query("BEGIN");
  try {
    for (const statement of statements) await client.query(statement);
    await client.query("COMMIT");
  } catch (error) {
    if (!isLost(error)) await client.query("ROLLBACK");
    throw error;
  }
}

/** Drops an index that its build has left unusable. @throws What the server says where its lock is not free. */
export async function dropHalfMade(client: Client, index: TableName): Promise<void> {
  const { rows } = await client.query(
    "SELECT NOT indisvalid AS half FROM pg_index WHERE indexrelid = to_regclass($1)",
    [qualified(index)],
  );
  if (rows[0]?.half) await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${qualified(index)}`);
}
