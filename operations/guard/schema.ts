import type { PostgresSession } from "../../clients/postgres.ts";

/** What a database looks like from outside its rows. */
export interface Schema {
  /** Of tables, columns, constraints, functions; not of indexes. */
  fingerprint: string;
  /** Indexes that can be dropped by themselves, as `"schema"."name"`. */
  indexes: string[];
}

const OURS = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'phasewise')";

const FINGERPRINT = `SELECT md5(coalesce(string_agg(line, E'\\n' ORDER BY line), '')) AS fingerprint FROM (
  SELECT concat_ws(' ', n.nspname, c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid)) AS line
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ${OURS}
  UNION ALL SELECT concat_ws(' ', n.nspname, c.relname, c.relkind) FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ${OURS}
  UNION ALL SELECT concat_ws(' ', n.nspname, k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint k
  JOIN pg_namespace n ON n.oid = k.connamespace WHERE ${OURS}
  UNION ALL SELECT concat_ws(' ', n.nspname, p.proname, md5(p.prosrc)) FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${OURS}) lines`;

const INDEXES = `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${OURS} AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY 1`;

export async function readSchema(session: PostgresSession): Promise<Schema> {
  const [row] = await session.rows<{ fingerprint: string }>(FINGERPRINT);
  const indexes = await session.rows<{ name: string }>(INDEXES);
  return { fingerprint: row!.fingerprint, indexes: indexes.map(({ name }) => name) };
}

export function newIndexes(before: Schema, after: Schema): string[] {
  return after.indexes.filter((name) => !before.indexes.includes(name));
}
