import { type PostgresSession, type PostgresTarget, withPostgres } from "../../../clients/postgres.ts";
import type { Topology } from "../../../infra/topology.ts";
import { readLedger } from "../../canary/ledger.ts";
import { missingOf } from "../../canary/stalls.ts";

/** What is left of what was acknowledged before a loss. */
export interface Witnessed {
  acknowledged: number;
  /** Rows that had to be there and are not. */
  missing: number;
  /** Rows that the archive did not have yet, and that went with the machine. */
  lost: number;
  /** When the newest row that came back was written; null where none did. */
  newest: Date | null;
}

/** How many rows of each segment of the canary are acknowledged now. */
export async function acknowledgedNow(folder: string): Promise<Record<string, number>> {
  const segments = await readLedger(folder);
  return Object.fromEntries(segments.map(({ acknowledged, name }) => [name, acknowledged.length]));
}

/** @param must How many of each segment, in the order of their acknowledgement; null: all. */
export async function judgeWitness(
  topology: Topology,
  run: string,
  folder: string,
  must: Record<string, number> | null,
): Promise<Witnessed> {
  const segments = await readLedger(folder);
  return await withPostgres(ownerOf(topology), async (owner) => {
    const witnessed: Witnessed = { acknowledged: 0, missing: 0, lost: 0, newest: null };
    for (const { acknowledged, name } of segments) {
      const found = await rowsOf(owner, `${run}/${name}`);
      const wanted = acknowledged.slice(0, must === null ? undefined : (must[name] ?? 0));
      const missing = missingOf(wanted, found.numbers).length;
      witnessed.acknowledged += acknowledged.length;
      witnessed.missing += missing;
      witnessed.lost += missingOf(acknowledged, found.numbers).length - missing;
      if (found.newest !== null && (witnessed.newest === null || found.newest > witnessed.newest)) {
        witnessed.newest = found.newest;
      }
    }
    return witnessed;
  });
}

async function rowsOf(
  owner: PostgresSession,
  run: string,
): Promise<{ numbers: number[]; newest: Date | null }> {
  const [there] = await owner.rows<{ found: boolean }>(
    "SELECT to_regclass('phasewise.canary') IS NOT NULL AS found",
  );
  if (!there?.found) return { numbers: [], newest: null };
  const rows = await owner.rows<{ number: string; at: Date }>(
    "SELECT number, written_at AS at FROM phasewise.canary WHERE run = $1 ORDER BY written_at",
    [run],
  );
  return { numbers: rows.map(({ number }) => Number(number)), newest: rows.at(-1)?.at ?? null };
}

/** How one writes as the database's owner, through the clients' endpoint. */
export function ownerOf(topology: Topology): PostgresTarget {
  const { name: user, password } = topology.clusters[0]!.roles.owner;
  const { host, port } = topology.endpoints.write;
  const { database } = topology.endpoints;
  return { host, port, database, user, password, caCertificate: topology.caCertificate };
}

/** Commits something through the clients' endpoint. @throws Where that is not possible. */
export async function tryWrite(topology: Topology): Promise<void> {
  await withPostgres(ownerOf(topology), async (owner) => {
    // A transaction with a number of its own: on a standby it is refused.
    await owner.rows("SELECT pg_current_xact_id()");
  });
}
