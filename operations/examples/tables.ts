import type { Client } from "pg";
import { type Marker, parseMarker } from "./marker.ts";

export interface FoundTable {
  name: string;
  marker: Marker | undefined;
}

/** Those of the tables that are there (or views and the like that have their names). */
export async function findTables(client: Client, tables: { name: string }[]): Promise<FoundTable[]> {
  const names = tables.map(({ name }) => name);
  const { rows } = await client.query<{ name: string; comment: string | null }>(
    `SELECT relname AS name, obj_description(oid, 'pg_class') AS comment FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1) ORDER BY relname`,
    [names],
  );
  return rows.map(({ name, comment }) => ({ name, marker: parseMarker(comment) }));
}

/** Tables of the schema public that are not partitions. */
export async function allTables(client: Client): Promise<FoundTable[]> {
  const { rows } = await client.query<{ name: string; comment: string | null }>(
    `SELECT relname AS name, obj_description(oid, 'pg_class') AS comment FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'f') AND NOT relispartition
     ORDER BY relname`,
  );
  return rows.map(({ name, comment }) => ({ name, marker: parseMarker(comment) }));
}

export async function missingExtensions(client: Client, names: string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>("SELECT extname AS name FROM pg_extension");
  const there = new Set(rows.map((row) => row.name));
  return names.filter((name) => !there.has(name));
}
