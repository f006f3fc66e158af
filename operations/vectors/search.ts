import type { Client } from "pg";
import { type IndexOnColumn, identifier, tableName, type VectorColumn } from "./inspect.ts";
import type { DistanceOperator } from "./operators.ts";
import { mean, type Neighbour, percentile, recall, withoutItself } from "./recall.ts";
import type { Measured } from "./report.ts";

/** A row that is asked with: its neighbours are looked for, itself left out. */
export interface Query {
  row: string;
  vector: string;
  /** Its value in the column that searches keep to. */
  filter: string | null;
}

export interface Search {
  column: VectorColumn;
  operator: DistanceOperator;
  /** Rows that are asked for. */
  limit: number;
  /** A column, whose value each search keeps to. */
  filter: string | null;
}

/** Rows spread over the whole table; the same ones as long as the table does not change. */
export async function sampleQueries(
  client: Client,
  { column, filter }: Search,
  count: number,
): Promise<Query[]> {
  const vector = identifier(column.column);
  const share = Math.min(100, (100 * 3 * count) / Math.max(column.rows, 1));
  const { rows } = await client.query<Query>(
    `SELECT tableoid || '/' || ctid AS row, ${vector}::text AS vector,
            ${filter === null ? "NULL" : identifier(filter)}::text AS filter
     FROM ${tableName(column)} TABLESAMPLE BERNOULLI (${share}) REPEATABLE (1)
     WHERE ${vector} IS NOT NULL ORDER BY md5(ctid::text) LIMIT ${count}`,
  );
  return rows;
}

/** How a search is forced to go, for the transaction that measures it. */
export const ways = {
  /** Every row is compared. */
  exact: ["SET LOCAL enable_indexscan = off", "SET LOCAL enable_bitmapscan = off"],
  /** Nothing is left to the planner but an index that gives rows in order. */
  byIndex: [
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL enable_bitmapscan = off",
    "SET LOCAL enable_sort = off",
  ],
  /** As the planner likes. */
  planned: [],
} as const;

export interface Answers {
  /** In the order of the queries. */
  neighbours: Neighbour[][];
  /** Milliseconds. */
  times: number[];
  /** The index that the first search used, or how it read the table. */
  plan: string;
}

/**
 * Runs all searches in one read-only transaction, one after the other.
 * @param set Statements at its beginning.
 * @param index Whose expression is searched by; the column itself where there is none.
 */
export async function runSearches(
  client: Client,
  search: Search,
  queries: Query[],
  set: readonly string[],
  index: IndexOnColumn | undefined,
): Promise<Answers> {
  const sql = searchSql(search, index);
  const values = ({ vector, filter }: Query) => (search.filter === null ? [vector] : [vector, filter]);
  await client.query("BEGIN READ ONLY");
  try {
    for (const statement of set) await client.query(statement);
    const plan = await planOf(client, sql, values(queries[0]!));
    const neighbours: Neighbour[][] = [];
    const times: number[] = [];
    for (const query of queries) {
      const start = performance.now();
      const { rows } = await client.query<Neighbour>(sql, values(query));
      times.push(performance.now() - start);
      neighbours.push(withoutItself(rows, query.row, search.limit));
    }
    return { neighbours, times, plan };
  } finally {
    await client.query("ROLLBACK");
  }
}

/** One row more than asked for: the query's own row is among them. */
function searchSql({ column, operator, limit, filter }: Search, index: IndexOnColumn | undefined): string {
  const expression = index?.expression ?? identifier(column.column);
  const type = index?.comparedAs ?? `${column.type}${column.type === "bit" ? `(${column.dimension})` : ""}`;
  const distance = `${expression} ${operator} $1::${type}`;
  const condition = filter === null ? "" : `WHERE ${identifier(filter)} = $2 `;
  return (
    `SELECT tableoid || '/' || ctid AS row, (${distance})::float8 AS distance FROM ${tableName(column)} ` +
    `${condition}ORDER BY ${distance} LIMIT ${limit + 1}`
  );
}

interface PlanNode {
  "Node Type": string;
  "Index Name"?: string;
  "Relation Name"?: string;
  Plans?: PlanNode[];
}

async function planOf(client: Client, sql: string, values: unknown[]): Promise<string> {
  const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
    `EXPLAIN (FORMAT json) ${sql}`,
    values,
  );
  return scanOf(rows[0]!["QUERY PLAN"][0].Plan);
}

/** The name of the index by which a plan reads its rows, or how else it reads them. */
export function scanOf(node: PlanNode): string {
  const index = node["Index Name"];
  if (index !== undefined) return index;
  if (node["Relation Name"] !== undefined) return node["Node Type"].toLowerCase();
  return node.Plans?.[0] ? scanOf(node.Plans[0]) : node["Node Type"].toLowerCase();
}

/** Against the exact answers. */
export function measured(answers: Answers, exact: Neighbour[][]): Measured {
  const recalls = exact.map((right, index) => recall(right, answers.neighbours[index]!));
  return { recall: rounded(mean(recalls), 4), ...latency(answers.times) };
}

export function latency(times: number[]): { p50: number; p95: number } {
  return { p50: rounded(percentile(times, 0.5), 2), p95: rounded(percentile(times, 0.95), 2) };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
