import { messageOf } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { type Mark, markArchive, psql, sqlOn } from "../restore/archive.ts";
import type { Cluster, Machine } from "../topology.ts";
import type { World } from "../verify/check.ts";
import { leaderOf } from "../verify/patroni.ts";

/** What a running cluster holds at a moment, against which a restored one is compared. */
export interface Live {
  mark: Mark;
  /** After how many seconds PostgreSQL sends a segment that is not full. */
  archiveTimeout: number;
  /** User tables by database, as `schema.table`, and about how many rows each has. */
  tables: { database: string; table: string; rows: number }[];
  /** The highest acknowledged row of each run of the canary. */
  canary: { run: string; rows: number }[];
}

const TABLES = `SELECT coalesce(json_agg(json_build_object('table', n.nspname || '.' || c.relname,
  'rows', greatest(c.reltuples, 0)) ORDER BY 1), '[]')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`;

/** Tells the runs of the canary and their rows; nothing where there is no canary. */
export const CANARY = `SELECT CASE WHEN to_regclass('phasewise.canary') IS NULL THEN '[]' ELSE
  query_to_xml('SELECT json_agg(json_build_object(''run'', run, ''rows'', rows)) AS j FROM
    (SELECT run, count(*) AS rows FROM phasewise.canary GROUP BY run) r', false, true, '')::text END`;

/**
 * Null where the cluster does not answer: then it is compared with nothing.
 * @param repositories Which must hold it, as `markArchive` wants it.
 */
export async function readLive(
  world: World,
  cluster: Cluster,
  ctx: OperationContext,
  repositories: number[] = [],
): Promise<Live | null> {
  let leader: Machine;
  try {
    leader = await leaderOf(world, cluster);
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.onLine(`${cluster.name} does not answer, so it is not compared: ${messageOf(error).split("\n")[0]}`);
    return null;
  }
  const tables = await Promise.all(cluster.databases.map((database) => tablesOf(world, leader, database)));
  const canary = await Promise.all(cluster.databases.map((database) => canaryOf(world, leader, database)));
  const archiveTimeout = Number(
    await sqlOn(world, leader, "SELECT setting FROM pg_settings WHERE name = 'archive_timeout'"),
  );
  // Last: all that was read before is in the archive then.
  const mark = await markArchive(world, leader, cluster, repositories);
  return { mark, archiveTimeout, tables: tables.flat(), canary: canary.flat() };
}

/** @param answer What `CANARY` gives. */
export function parseCanary(answer: string): Live["canary"] {
  const json = /\[.*\]/s.exec(answer)?.[0];
  return json === undefined ? [] : (JSON.parse(json.replaceAll("&quot;", '"')) as Live["canary"]);
}

async function canaryOf(world: World, leader: Machine, database: string): Promise<Live["canary"]> {
  return parseCanary(await world.run(leader, psql(CANARY, database)));
}

async function tablesOf(world: World, leader: Machine, database: string): Promise<Live["tables"]> {
  const found = JSON.parse(await world.run(leader, psql(TABLES, database))) as {
    table: string;
    rows: number;
  }[];
  return found.map((one) => ({ database, ...one }));
}
