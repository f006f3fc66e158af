import type { Client } from "pg";
import { openClient } from "../../clients/postgres.ts";
import type { Settings, Table } from "../../examples/generate/example.ts";
import type { Topology } from "../../infra/topology.ts";
import { Problem } from "../../toolchain/problem.ts";
import { interrupted, type OperationContext } from "../context.ts";
import { copyTable } from "./copy.ts";
import { loadFailure } from "./failure.ts";
import type { FoundExample } from "./find.ts";
import { missingConstraints, withoutStatistics } from "./finish.ts";
import { type Marker, markerText, sameData, settingsText } from "./marker.ts";
import { refuse } from "./preflight.ts";
import { parseSchema, type Schema } from "./schema.ts";
import { findTables, missingExtensions } from "./tables.ts";

export interface LoadReport {
  stack: string;
  example: string;
  settings: Settings;
  /** Rows of every table of the example. */
  tables: Record<string, number>;
  /** Names of the tables that this run loaded; the others were there. */
  loaded: string[];
  /** Of the whole. */
  seconds: number;
  /** Of the tables' own transactions, without what follows them. */
  copySeconds: number;
  /** What was sent. */
  bytes: number;
}

/**
 * Loads an example as the database's owner, through the clients' endpoint: a COPY is one statement in one transaction,
 * which the pooler passes on as it is, and no other way is open to everybody who may use the database.
 *
 * Each table is made, filled and marked in a transaction of its own. A killed run leaves whole tables, and the next run
 * makes the others.
 */
export async function loadExample(
  topology: Topology,
  found: FoundExample,
  settings: Settings,
  ctx: OperationContext,
): Promise<LoadReport> {
  const { name, example } = found;
  const { stack } = topology;
  const client = await openClient(ownerTarget(topology), { applicationName: `phasewise example ${name}` });
  const wanted = { ...settings, example: name, version: example.version };
  // A connection that ends takes its statement and its transaction with it.
  ctx.signal.addEventListener("abort", () => void client.end(), { once: true });
  try {
    const tables = example.tables(settings);
    const there = await findTables(client, tables);
    refuse(stack, wanted, there, await missingExtensions(client, example.extensions));
    const schema = parseSchema(found.schema, { ...settings });
    const start = Date.now();
    const loading: Loading = { stack, client, schema, wanted, ctx };
    const report = { ...nothingLoaded(stack, name, settings) };
    for (const table of tables) {
      const bytes = await loadTable(loading, table);
      report.tables[table.name] = table.rows;
      if (bytes !== null) report.loaded.push(table.name);
      report.bytes += bytes ?? 0;
    }
    report.copySeconds = since(start);
    await finish(loading, tables);
    return { ...report, seconds: since(start) };
  } catch (error) {
    throw ctx.signal.aborted ? stopped(stack, wanted) : error;
  } finally {
    await client.end();
  }
}

/** A report of a run that had nothing to do. */
export function nothingLoaded(stack: string, example: string, settings: Settings): LoadReport {
  return { stack, example, settings, tables: {}, loaded: [], seconds: 0, copySeconds: 0, bytes: 0 };
}

function since(start: number): number {
  return Math.round((Date.now() - start) / 10) / 100;
}

/** How the owner of the first cluster's database is reached. */
export function ownerTarget(topology: Topology) {
  const { host, port } = topology.endpoints.write;
  const { name: user, password } = topology.clusters[0]!.roles.owner;
  const { database } = topology.endpoints;
  return { host, port, database, user, password, caCertificate: topology.caCertificate };
}

interface Loading {
  stack: string;
  client: Client;
  schema: Schema;
  wanted: Omit<Marker, "rows">;
  ctx: OperationContext;
}

/** @returns Bytes sent; null where the table is there, be it by another run at the same time. */
async function loadTable(loading: Loading, table: Table): Promise<number | null> {
  const { client, ctx, schema, wanted, stack } = loading;
  try {
    // Two runs at once take turns, table by table.
    await client.query("BEGIN; SELECT pg_advisory_xact_lock(hashtext('phasewise example'))");
    const [present] = await findTables(client, [table]);
    if (present) {
      await client.query("ROLLBACK");
      if (!present.marker || !sameData(present.marker, wanted)) refuse(stack, wanted, [present], []);
      return null;
    }
    await client.query([schema.tables.get(table.name)!, ...(table.prepare ?? [])].join(";\n"));
    const { rows, bytes } = await copyTable(client, table, progress(table, ctx), ctx.signal);
    if (rows !== table.rows) throw new Error(`${rows} rows arrived of ${table.rows}`);
    const marker = markerText({ ...wanted, rows });
    await client.query(`COMMENT ON TABLE "${table.name}" IS '${marker.replaceAll("'", "''")}'; COMMIT`);
    return bytes;
  } catch (error) {
    throw error instanceof Problem ? error : loadFailure(stack, wanted.example, table.name, error);
  }
}

/** Keys between the tables, then statistics, so that the first query is planned well; what is there is not done again. */
async function finish({ client, schema, wanted, stack, ctx }: Loading, tables: Table[]): Promise<void> {
  const constraints = await missingConstraints(client, schema);
  if (constraints.length > 0) ctx.onLine("checking keys between tables");
  for (const { table, sql } of constraints) {
    await client.query(sql).catch((error) => {
      throw loadFailure(stack, wanted.example, table, error);
    });
  }
  const unknown = await withoutStatistics(client, tables);
  if (unknown.length === 0) return;
  ctx.onLine("gathering statistics");
  await client.query(`ANALYZE ${unknown.map((name) => `"${name}"`).join(", ")}`);
}

function progress(table: Table, ctx: OperationContext): (rows: number) => void {
  const count = (rows: number) => rows.toLocaleString("en");
  let told = Date.now();
  ctx.onLine(`${table.name}: ${count(table.rows)} rows`);
  return (rows) => {
    if (Date.now() - told < 2000) return;
    told = Date.now();
    ctx.onLine(`  ${table.name}: ${count(rows)} sent (${Math.floor((100 * rows) / table.rows)} %)`);
  };
}

function stopped(stack: string, wanted: Loading["wanted"]): Problem {
  return interrupted(
    "Tables that were loaded are whole and stay; nothing is half done.",
    `npx phasewise example load ${stack} ${wanted.example} ${settingsText(wanted)} goes on with the next one.`,
  );
}
