import type { Client } from "pg";
import type { Schema } from "./schema.ts";

/** Constraints of the schema that its tables lack, in the schema's order. */
export async function missingConstraints(client: Client, schema: Schema): Promise<Schema["constraints"]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT r.relname || '.' || c.conname AS name FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
     WHERE r.relnamespace = 'public'::regnamespace`,
  );
  const there = new Set(rows.map((row) => row.name));
  return schema.constraints.filter(({ table, name }) => !there.has(`${table}.${name}`));
}

/** Those of the tables of which the planner knows nothing yet. */
export async function withoutStatistics(client: Client, tables: { name: string }[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_stat_user_tables
     WHERE schemaname = 'public' AND relname = ANY ($1) AND last_analyze IS NULL AND last_autoanalyze IS NULL`,
    [tables.map(({ name }) => name)],
  );
  return rows.map((row) => row.name);
}
