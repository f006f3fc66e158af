import { escapeLiteral } from "pg";
import type { OperationContext } from "../../context.ts";
import { qualified } from "../../indexes/plan/statement.ts";
import { plain, type Relation, type TableName } from "./names.ts";
import { type Place, query } from "./query.ts";

/** What a name stands for in a restored state. */
export interface Found {
  /** The table with its partitions, their indexes and owned sequences, tables first. */
  relations: Relation[];
  /** Those that hold rows. */
  tables: TableName[];
  bytes: number;
}

/** How a database was made. */
export interface DatabaseMaking {
  owner: string;
  encoding: string;
  collate: string;
  ctype: string;
  /** c: libc, i: ICU, b: PostgreSQL's own. */
  provider: "c" | "i" | "b";
  locale: string | null;
}

/** An extension in a schema that every database has: only a superuser may be able to make it. */
export interface Extension {
  name: string;
  schema: string;
}

/** Objects of extensions come with them, and the pooler's own schema with the cluster. */
export const POOLER_SCHEMA = "pgbouncer";
const OWN = `n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', '${POOLER_SCHEMA}')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')`;

/** A table with its partitions and all that belongs to them; null where there is no such table. */
export async function findTable(
  place: Place,
  table: TableName,
  ctx: OperationContext,
): Promise<Found | null> {
  const found = JSON.parse(await query(place, tableSql(table), ctx)) as Found;
  return found.tables.length + found.relations.length === 0 ? null : found;
}

/** All tables of a database. */
export async function findAll(place: Place, ctx: OperationContext): Promise<Pick<Found, "tables" | "bytes">> {
  const sql = `SELECT json_build_object('bytes', pg_database_size(current_database()), 'tables', coalesce(json_agg(
    json_build_object('schema', n.nspname, 'name', c.relname) ORDER BY n.nspname, c.relname), '[]'))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND ${OWN}`;
  return JSON.parse(await query(place, sql, ctx)) as Pick<Found, "tables" | "bytes">;
}

/** The names of all tables of a database, as people write them. */
export async function tableNames(place: Place, ctx: OperationContext): Promise<string[]> {
  const sql = `SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname)), '[]')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND ${OWN}`;
  return (JSON.parse(await query(place, sql, ctx)) as TableName[]).map(plain);
}

export async function databaseNames(place: Place, ctx: OperationContext): Promise<string[]> {
  const sql = "SELECT json_agg(datname ORDER BY datname) FROM pg_database WHERE NOT datistemplate";
  return JSON.parse(await query(place, sql, ctx)) as string[];
}

/** @param place The database itself. */
export async function makingOf(place: Place, ctx: OperationContext): Promise<DatabaseMaking> {
  const sql = `SELECT json_build_object('owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding),
    'collate', datcollate, 'ctype', datctype, 'provider', datlocprovider, 'locale', datlocale)
    FROM pg_database WHERE datname = current_database()`;
  return JSON.parse(await query(place, sql, ctx)) as DatabaseMaking;
}

export async function extensionsOf(place: Place, ctx: OperationContext): Promise<Extension[]> {
  const sql = `SELECT coalesce(json_agg(json_build_object('name', extname, 'schema', nspname) ORDER BY e.oid), '[]')
    FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace
    WHERE nspname IN ('public', 'pg_catalog') AND extname <> 'plpgsql'`;
  return JSON.parse(await query(place, sql, ctx)) as Extension[];
}

/** The SQL that counts rows, as a JSON array in the order of the tables. */
export function countsSql(tables: readonly TableName[]): string {
  if (tables.length === 0) return "SELECT '[]'::jsonb";
  const rows = tables.map((table, at) => `(${at}, (SELECT count(*) FROM ONLY ${qualified(table)}))`);
  return `SELECT jsonb_agg(n ORDER BY i) FROM (VALUES ${rows.join(", ")}) AS counts (i, n)`;
}

function tableSql({ schema, name }: TableName): string {
  const one = (kind: string, from: string) => `SELECT '${kind}' AS kind, n.nspname AS schema, ${from}`;
  return `WITH RECURSIVE tree AS (
      SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ${escapeLiteral(schema)} AND c.relname = ${escapeLiteral(name)}
        AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.oid),
    parts AS (
      ${one("table", "c.relname AS name, 1 AS place")} FROM tree t JOIN pg_class c USING (oid)
        JOIN pg_namespace n ON n.oid = c.relnamespace
      UNION ALL ${one("index", "c.relname, 2")} FROM tree t JOIN pg_index x ON x.indrelid = t.oid
        JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      UNION ALL ${one("sequence", "c.relname, 3")} FROM tree t
        JOIN pg_depend d ON d.refobjid = t.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind = 'S'
        JOIN pg_namespace n ON n.oid = c.relnamespace)
    SELECT json_build_object(
      'relations', (SELECT coalesce(json_agg(json_build_object('kind', kind, 'schema', schema, 'name', name)
        ORDER BY place, schema, name), '[]') FROM parts),
      'tables', (SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname)
        ORDER BY n.nspname, c.relname), '[]') FROM tree t JOIN pg_class c USING (oid)
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'),
      'bytes', (SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM tree))`;
}
