import type { Client } from "pg";
import { openClient } from "../../clients/postgres.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import { interrupted, type OperationContext } from "../context.ts";
import { readDeployed } from "../topology.ts";
import { type IndexOnColumn, inspectColumn, type VectorColumn } from "./inspect.ts";
import { reaching, warningsOf } from "./judge.ts";
import { type DistanceOperator, distanceOperators, operatorsOf } from "./operators.ts";
import { efSearchLadder, ivfflatLists, probeLadder } from "./parameters.ts";
import type { SearchSetting, VectorReport } from "./report.ts";
import { latency, measured, type Query, runSearches, type Search, sampleQueries, ways } from "./search.ts";

export interface MeasureOptions {
  /** As `table` or `schema.table`. */
  table: string;
  /** Left out: the only column of vectors. */
  column?: string;
  /** Left out: what the column's first index serves, else `<->`. */
  operator?: string;
  /** Rows that each search asks for. */
  limit: number;
  /** How many searches. */
  queries: number;
  /** A column that each search keeps to, as chatbot_id. */
  filter?: string;
}

/**
 * Measures what a vector index gives, against reading every row: how much of the right answer, and how fast. It only
 * reads, as the role for reports and through its endpoint, one search after the other, with rows of the table as
 * queries.
 */
export async function measureVectors(
  stack: string,
  options: MeasureOptions,
  ctx: OperationContext,
): Promise<VectorReport> {
  const { topology } = await readDeployed(stack, ctx);
  const { host, port } = topology.endpoints.read;
  const { name: user, password } = topology.clusters[0]!.roles.readonly;
  const { database } = topology.endpoints;
  const target = { host, port, database, user, password, caCertificate: topology.caCertificate };
  const client = await openClient(target, { applicationName: "phasewise vectors" });
  // A connection that ends takes its statement with it.
  ctx.signal.addEventListener("abort", () => void client.end(), { once: true });
  try {
    return { stack, ...(await measureOn(client, options, ctx)) };
  } catch (error) {
    if (ctx.signal.aborted) throw interrupted("Nothing was changed.", "Run it again.");
    throw error instanceof Problem ? error : failure(options, error);
  } finally {
    await client.end();
  }
}

async function measureOn(
  client: Client,
  options: MeasureOptions,
  ctx: OperationContext,
): Promise<Omit<VectorReport, "stack">> {
  const column = await inspectColumn(client, options.table, options.column);
  const operator = operatorFor(column, options.operator);
  const { limit, filter = null } = options;
  const search: Search = { column, operator, limit, filter };
  const queries = await sampleQueries(client, search, options.queries);
  if (queries.length === 0) throw empty(column);

  ctx.onLine(`${queries.length} searches that read every row`);
  const exact = await runSearches(client, search, queries, ways.exact, undefined);
  const index = column.indexes.find((one) => one.valid && one.where === null && one.operator === operator);
  ctx.onLine("as clients search that set nothing");
  // Once before, so that neither way is measured from the disk.
  await runSearches(client, search, queries, ways.planned, index);
  const today = await runSearches(client, search, queries, ways.planned, index);
  const settings = index ? await climb(client, search, queries, index, exact.neighbours, ctx) : [];
  const report = {
    ...{ table: options.table, column: column.column, type: column.type, dimension: column.dimension },
    ...{ rows: column.rows, operator, limit, queries: queries.length, filter },
    indexes: column.indexes.map(({ expression: _, comparedAs: __, ...facts }) => facts),
    index: index?.name ?? null,
    exact: latency(exact.times),
    today: { plan: today.plan, ...measured(today, exact.neighbours) },
    settings,
    reaches: { "0.95": reaching(settings, 0.95), "0.99": reaching(settings, 0.99) },
  };
  return { ...report, warnings: warningsOf({ stack: "", ...report }) };
}

/** The index's setting from narrow to wide. */
async function climb(
  client: Client,
  search: Search,
  queries: Query[],
  index: IndexOnColumn,
  exact: Parameters<typeof measured>[1],
  ctx: OperationContext,
): Promise<VectorReport["settings"]> {
  const { name, values } = settingOf(index, search);
  const found: VectorReport["settings"] = [];
  for (const value of values) {
    ctx.onLine(`by ${index.name}, ${name} = ${value}`);
    const set = [...ways.byIndex, `SET LOCAL ${name} = ${value}`];
    const answers = await runSearches(client, search, queries, set, index);
    found.push({ name, value, ...measured(answers, exact) });
  }
  return found;
}

function settingOf(
  index: IndexOnColumn,
  { column, limit }: Search,
): { name: SearchSetting; values: number[] } {
  if (index.method === "hnsw")
    return { name: "hnsw.ef_search", values: efSearchLadder({ limit: limit + 1 }) };
  const lists = index.options.lists ?? ivfflatLists({ rows: column.rows });
  return { name: "ivfflat.probes", values: probeLadder({ lists }) };
}

function operatorFor(column: VectorColumn, wish: string | undefined): DistanceOperator {
  const possible = operatorsOf(column.type);
  const operator = wish ?? column.indexes[0]?.operator ?? possible[0]!;
  const found = distanceOperators.find((one) => one === operator && possible.includes(one));
  if (found) return found;
  throw new Problem({
    happened: `${column.type} has no operator ${operator}.`,
    left: "Nothing was changed.",
    todo: [`Give one of: ${possible.join(" ")} (in quotation marks)`],
    exitCode: 2,
  });
}

function empty({ table, column }: VectorColumn): Problem {
  return new Problem({
    happened: `${table}.${column} holds no vector yet: there is nothing to search with.`,
    left: "Nothing was changed.",
    todo: ["Load some first."],
  });
}

function failure({ table }: MeasureOptions, error: unknown): Problem {
  return new Problem({
    happened: `Measuring ${table} failed: ${messageOf(error)}`,
    left: "Nothing was changed: it only reads.",
    todo: ["Put right what it says, then run it again."],
    cause: error,
  });
}
