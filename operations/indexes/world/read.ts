import type { Client } from "pg";
import type { Catalogue, VectorIndex } from "../catalogue/entries.ts";
import { quoteIdentifier } from "../catalogue/keyPart.ts";
import { missingExtensions } from "../plan/extensions.ts";
import { shapeOf } from "../plan/index.ts";
import { definitionKey } from "../plan/keys.ts";
import { createIndex, qualified } from "../plan/statement.ts";
import {
  constructionQuery,
  definitionsFunction,
  extensionsQuery,
  factsQuery,
  foreignKeysQuery,
  indexesQuery,
  tablesQuery,
  upkeepQuery,
  vectorColumnsQuery,
} from "./queries.ts";
import type { Definition, Index, Table, Upkeep, VectorColumn, World } from "./world.ts";

/** Reads all that the catalogues' entries are judged by. Changes nothing. */
export async function readWorld(client: Client, catalogues: Catalogue[]): Promise<World> {
  const vectors = catalogues.flatMap((one) => one.indexes.filter((entry) => entry.type === "vector"));
  const columns = JSON.stringify(
    vectors.map(({ table, column }) => ({ schema: table.schema, name: table.name, column })),
  );
  const [extensions, facts, tables, indexes, foreignKeys, construction, vectorColumns, installed] = await ask(
    client,
    [
      extensionsQuery,
      factsQuery,
      tablesQuery,
      indexesQuery,
      foreignKeysQuery,
      constructionQuery,
      vectorColumnsQuery.replace("$1", client.escapeLiteral(columns)),
      "SELECT to_json(to_regclass('phasewise.partition_rules') IS NOT NULL)",
    ],
  );
  const read: World = {
    ...(facts as Pick<World, "now" | "statisticsSince">),
    extensions: (extensions ?? []) as string[],
    tables: (tables ?? []) as Table[],
    indexes: ((indexes ?? []) as Index[]).map(withoutOptions),
    foreignKeys: (foreignKeys ?? []) as World["foreignKeys"],
    underConstruction: (construction ?? []) as World["underConstruction"],
    vectorColumns: ((vectorColumns ?? []) as Omit<VectorColumn, "found">[]).map((one) => ({
      ...one,
      found: null,
    })),
    definitions: {},
    upkeep: installed ? ((await ask(client, [upkeepQuery]))[0] as Upkeep) : null,
  };
  const counted = { ...read, tables: await countRows(client, read.tables, catalogues) };
  const dimensioned = { ...counted, vectorColumns: await countDimensions(client, vectors, counted) };
  return { ...dimensioned, definitions: await readDefinitions(client, catalogues, dimensioned) };
}

/** Several queries in one round trip; each gives one value. */
async function ask(client: Client, queries: string[]): Promise<unknown[]> {
  const results = (await client.query(queries.join(";\n"))) as unknown;
  const list = (Array.isArray(results) ? results : [results]) as { rows: Record<string, unknown>[] }[];
  return list.map((result) => Object.values(result.rows[0] ?? {})[0]);
}

/** Parameters are compared apart; in PostgreSQL's text they stand before a predicate. */
function withoutOptions(index: Index): Index {
  return {
    ...index,
    body: index.options.length > 0 ? index.body.replace(/ WITH \([^)]*\)/, "") : index.body,
  };
}

/** Tables that were never analyzed are counted, where an entry needs their size; partitioned ones are summed up. */
async function countRows(client: Client, tables: Table[], catalogues: Catalogue[]): Promise<Table[]> {
  const needed = new Set(
    catalogues.flatMap((one) =>
      one.indexes.filter((e) => e.type === "vector").map((e) => qualified(e.table)),
    ),
  );
  const known: Table[] = [];
  for (const table of tables) {
    if (table.rows >= 0) known.push(table);
    else if (!needed.has(qualified(table)) && table.parent === null) known.push({ ...table, rows: 0 });
    else {
      const { rows } = await client.query(`SELECT count(*)::int8 AS rows FROM ${qualified(table)}`);
      known.push({ ...table, rows: Number(rows[0].rows) });
    }
  }
  const sum = (parent: Table): number =>
    known
      .filter((one) => one.parent === parent.oid)
      .reduce((total, one) => total + (one.kind === "partitioned" ? sum(one) : one.rows), 0);
  return known.map((one) => (one.kind === "partitioned" ? { ...one, rows: sum(one) } : one));
}

/** Of columns that declare no dimension, what their rows have; not where the index is there and says it. */
async function countDimensions(
  client: Client,
  entries: VectorIndex[],
  world: World,
): Promise<VectorColumn[]> {
  const columns: VectorColumn[] = [];
  for (const column of world.vectorColumns) {
    const undeclared = column.dimension === null && ["vector", "halfvec"].includes(column.type);
    columns.push(
      undeclared ? { ...column, found: await dimensionsOf(client, column, entries, world) } : column,
    );
  }
  return columns;
}

async function dimensionsOf(
  client: Client,
  { table: oid, column }: VectorColumn,
  entries: VectorIndex[],
  world: World,
): Promise<VectorColumn["found"]> {
  const table = world.tables.find((one) => one.oid === oid)!;
  const names = entries.filter((one) => qualified(one.table) === qualified(table)).map((one) => one.name);
  const index = world.indexes.find((one) => one.valid && one.table === oid && names.includes(one.name));
  const built = /::(?:half)?vec(?:tor)?\((\d+)\)/.exec(index?.body ?? "")?.[1];
  if (built) return [{ dimension: Number(built), rows: table.rows }];
  const name = quoteIdentifier(column);
  const { rows } = await client.query(
    `SELECT vector_dims(${name}) AS dimension, count(*)::int8 AS rows FROM ${qualified(table)}` +
      ` WHERE ${name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1`,
  );
  return rows.map((row) => ({ dimension: row.dimension, rows: Number(row.rows) }));
}

interface Wanted {
  key: string;
  schema: string | null;
  /** Null for a view. */
  name: string | null;
  create: string;
}

async function readDefinitions(
  client: Client,
  catalogues: Catalogue[],
  world: World,
): Promise<World["definitions"]> {
  const wanted = catalogues.flatMap((catalogue) => [...indexesOf(catalogue, world), ...viewsOf(catalogue)]);
  if (wanted.length === 0) return {};
  await client.query(`BEGIN; SET LOCAL client_min_messages = error; ${definitionsFunction}`);
  try {
    const { rows } = await client.query("SELECT * FROM pg_temp.phasewise_definitions($1, $2)", [
      JSON.stringify(wanted),
      missingExtensions(catalogues, world.extensions).map((one) => one.name),
    ]);
    return Object.fromEntries(
      rows.map(({ key, ok, missing, answer }): [string, Definition] => [
        key,
        ok ? { ok, text: answer } : { ok, missing, message: answer },
      ]),
    );
  } finally {
    await client.query("ROLLBACK");
  }
}

function indexesOf(catalogue: Catalogue, world: World): Wanted[] {
  return catalogue.indexes.flatMap((entry) => {
    const table = world.tables.find((one) => qualified(one) === qualified(entry.table));
    if (!table || table.kind === "other") return [];
    const shaped = shapeOf(entry, table, world);
    if ("kind" in shaped) return [];
    const copy = { schema: "pg_temp", name: table.name };
    const create = createIndex("phasewise_definition", copy, { ...shaped.shape, options: {} }, "plain");
    return [{ key: definitionKey(entry), schema: table.schema, name: table.name, create }];
  });
}

function viewsOf(catalogue: Catalogue): Wanted[] {
  return catalogue.views.map((entry) => ({
    key: definitionKey(entry),
    schema: null,
    name: null,
    create: entry.query,
  }));
}
