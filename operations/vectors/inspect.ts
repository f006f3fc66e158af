import type { Client } from "pg";
import { Problem } from "../../toolchain/problem.ts";
import { operatorOf, type VectorMethod, type VectorType, vectorTypes } from "./operators.ts";
import type { VectorIndexFacts } from "./report.ts";

export interface VectorColumn {
  schema: string;
  table: string;
  column: string;
  type: VectorType;
  dimension: number;
  rows: number;
  indexes: IndexOnColumn[];
}

export interface IndexOnColumn extends VectorIndexFacts {
  /** What it indexes, as SQL: the column, or a cast of it. */
  expression: string;
  /** The type that its operator compares, as halfvec(3072). */
  comparedAs: string;
}

/** @param name As `table` or `schema.table`. @throws Problem (exit 2) where there is no such column of vectors. */
export async function inspectColumn(
  client: Client,
  name: string,
  column: string | undefined,
): Promise<VectorColumn> {
  const [schema, table] = name.includes(".") ? (name.split(".", 2) as [string, string]) : ["public", name];
  const { rows: found } = await client.query<ColumnRow>(columnsQuery, [schema, table, vectorTypes]);
  const candidates = found.filter((row) => column === undefined || row.column === column);
  if (candidates.length !== 1)
    throw noSuchColumn(
      name,
      column,
      found.map((row) => row.column),
    );
  const [row] = candidates as [ColumnRow];
  const place = { schema, table, column: row.column };
  return {
    ...place,
    type: row.type,
    dimension: row.modifier > 0 ? row.modifier : await onlyDimension(client, place, row.type),
    rows: Math.max(0, Math.round(row.rows)),
    indexes: await indexesOn(client, row),
  };
}

interface ColumnRow {
  table: number;
  number: number;
  column: string;
  type: VectorType;
  modifier: number;
  rows: number;
}

/** A partitioned table counts what its partitions have. */
const columnsQuery = `
  SELECT c.oid AS table, a.attnum AS number, a.attname AS column, t.typname AS type, a.atttypmod AS modifier,
         (SELECT sum(greatest(l.reltuples, 0))::float8 FROM pg_class l
          WHERE l.oid = c.oid OR l.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)) AS rows
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'm')
    AND t.typname = ANY ($3) AND t.typname <> 'bit' OR (n.nspname = $1 AND c.relname = $2 AND t.oid = 'bit'::regtype)
  ORDER BY a.attnum`;

function noSuchColumn(table: string, column: string | undefined, there: string[]): Problem {
  const happened =
    there.length === 0
      ? `There is no table "${table}" with a column of vectors.`
      : column === undefined
        ? `"${table}" has several columns of vectors.`
        : `"${table}" has no column of vectors "${column}".`;
  return new Problem({
    happened,
    left: "Nothing was changed.",
    todo:
      there.length > 0
        ? [`Give one of: ${there.map((name) => `--column ${name}`).join(", ")}`]
        : ["Give --table <table>, or <schema>.<table>; npx phasewise psql shows them with \\dt."],
    exitCode: 2,
  });
}

/** Of a column that declares none. @throws Problem where its rows have several. */
async function onlyDimension(
  client: Client,
  place: { schema: string; table: string; column: string },
  type: VectorType,
): Promise<number> {
  const measure = { vector: "vector_dims", halfvec: "vector_dims", sparsevec: "vector_dims", bit: "length" }[
    type
  ];
  const column = identifier(place.column);
  const { rows } = await client.query<{ dimension: number; count: string }>(
    `SELECT ${measure}(${column}) AS dimension, count(*) FROM ${tableName(place)}
     WHERE ${column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC`,
  );
  if (rows.length === 1) return rows[0]!.dimension;
  throw new Problem({
    happened:
      rows.length === 0
        ? `${place.table}.${place.column} holds no vector yet.`
        : `${place.table}.${place.column} holds vectors of several dimensions; they cannot be compared or indexed together.`,
    details: rows.map(({ dimension, count }) => `${count} rows of ${dimension} dimensions`),
    left: "Nothing was changed.",
    todo: rows.length === 0 ? ["Load some first."] : ["Keep each model's vectors in a column of its own."],
  });
}

interface IndexRow {
  name: string;
  method: VectorMethod;
  class: string;
  options: string[] | null;
  valid: boolean;
  condition: string | null;
  bytes: string;
  expression: string;
  compared: string;
}

async function indexesOn(client: Client, { table, number, column }: ColumnRow): Promise<IndexOnColumn[]> {
  const { rows } = await client.query<IndexRow>(
    `SELECT i.relname AS name, m.amname AS method, o.opcname AS class, i.reloptions AS options,
            x.indisvalid AS valid, pg_get_expr(x.indpred, x.indrelid) AS condition,
            (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(i.oid)) AS bytes,
            pg_get_indexdef(i.oid, 1, true) AS expression,
            format_type(a.atttypid, a.atttypmod) AS compared
     FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
     JOIN pg_opclass o ON o.oid = x.indclass[0]
     JOIN pg_attribute a ON a.attrelid = i.oid AND a.attnum = 1
     WHERE x.indrelid = $1 AND m.amname IN ('hnsw', 'ivfflat')
       AND (x.indkey[0] = $2 OR pg_get_indexdef(i.oid, 1, true) ~ ('\\m' || $3 || '\\M'))
     ORDER BY i.relname`,
    [table, number, column],
  );
  return rows.flatMap((row) => {
    const served = operatorOf(row.class);
    return served ? [factsOf(row, served.operator)] : [];
  });
}

function factsOf(row: IndexRow, operator: IndexOnColumn["operator"]): IndexOnColumn {
  const options = (row.options ?? []).map((option) => option.split("=") as [string, string]);
  return {
    name: row.name,
    method: row.method,
    operatorClass: row.class,
    operator,
    options: Object.fromEntries(options.map(([name, value]) => [name, Number(value)])),
    valid: row.valid,
    where: row.condition,
    bytes: Number(row.bytes),
    expression: row.expression,
    comparedAs: row.compared,
  };
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function tableName({ schema, table }: { schema: string; table: string }): string {
  return `${identifier(schema)}.${identifier(table)}`;
}
