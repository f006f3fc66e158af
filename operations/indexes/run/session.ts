import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { openClient, type PostgresTarget } from "../../../clients/postgres.ts";
import { Problem } from "../../../toolchain/problem.ts";

/** Of pg_advisory_lock: any number that nobody else takes. */
const lockKey = 7_250_118_344;

/** How long a killed predecessor may take to be noticed by the server, and its lock to go (milliseconds). */
const predecessorPatience = 8_000;

/**
 * A session for building. Where this process dies, the server notices within a second and ends what it was doing; a
 * build would go on for hours otherwise, and its lock with it. Bounds of partitions are days in UTC.
 */
export async function openSession(target: PostgresTarget): Promise<Client> {
  const applicationName = `phasewise indexes ${hostname().slice(0, 30)}:${process.pid}`;
  const client = await openClient(target, { applicationName });
  await client.query(
    "SET timezone = 'UTC'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;" +
      " SET client_connection_check_interval = '1s'; SET search_path = public",
  );
  return client;
}

/**
 * One run at a time in a database. The lock is the session's: it goes with it, however that ends.
 * @throws Problem that names the other session.
 */
export async function takeTurn(client: Client): Promise<void> {
  for (const deadline = Date.now() + predecessorPatience; ; ) {
    const { rows } = await client.query(`SELECT pg_try_advisory_lock(${lockKey}) AS mine`);
    if (rows[0].mine) return;
    if (Date.now() > deadline) break;
    await sleep(250);
  }
  const { rows } = await client.query(
    `SELECT a.pid, a.application_name AS name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ${Math.floor(lockKey / 2 ** 32)}
       AND l.objid = ${lockKey % 2 ** 32}`,
  );
  const other = rows[0] ? `${rows[0].name} (process ${rows[0].pid} of the server)` : "another session";
  throw new Problem({
    happened: `Another run works on these indexes: ${other}.`,
    left: "Nothing was changed.",
    todo: ["Wait for it, then run this again."],
  });
}
