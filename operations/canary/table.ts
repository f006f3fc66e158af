import type { PostgresSession } from "../../clients/postgres.ts";

/** Beside the application's own tables, in a schema of Phasewise's. */
const TABLE = "phasewise.canary";

/** Days after which rows of runs that were never finished are swept away. */
const KEPT_DAYS = 7;

/**
 * Makes the table where it is not there, as the database's owner, and lets the application write and read it. A
 * replica's copy is read by the readers.
 */
export async function prepareTable(
  owner: PostgresSession,
  roles: { application: string; readonly: string },
): Promise<void> {
  const [there] = await owner.rows<{ found: boolean }>(`SELECT to_regclass('${TABLE}') IS NOT NULL AS found`);
  if (!there?.found) {
    await owner.rows("CREATE SCHEMA IF NOT EXISTS phasewise");
    await owner.rows(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (run text, number bigint, written_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (run, number))`,
    );
  }
  await owner.rows(`GRANT USAGE ON SCHEMA phasewise TO ${name(roles.application)}, ${name(roles.readonly)}`);
  await owner.rows(`GRANT SELECT, INSERT ON ${TABLE} TO ${name(roles.application)}`);
  await owner.rows(`GRANT SELECT ON ${TABLE} TO ${name(roles.readonly)}`);
  await owner.rows(`DELETE FROM ${TABLE} WHERE written_at < now() - interval '${KEPT_DAYS} days'`);
}

export const INSERT = `INSERT INTO ${TABLE} (run, number) VALUES ($1, $2)`;
export const NEWEST = `SELECT max(number) AS newest FROM ${TABLE} WHERE run = $1`;

export async function numbersOf(session: PostgresSession, run: string): Promise<number[]> {
  const rows = await session.rows<{ number: string }>(`SELECT number FROM ${TABLE} WHERE run = $1`, [run]);
  return rows.map((row) => Number(row.number));
}

export async function removeRun(owner: PostgresSession, run: string): Promise<void> {
  await owner.rows(`DELETE FROM ${TABLE} WHERE run = $1`, [run]);
}

function name(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
