import type { Catalogue } from "../../../../operations/indexes/catalogue/entries.ts";
import { parseCatalogue } from "../../../../operations/indexes/catalogue/parse.ts";
import type { Index, Table, World } from "../../../../operations/indexes/world/world.ts";

/** Databases as plain data, for tests. */

export function catalogueOf(yaml: string): Catalogue {
  const { catalogue, faults } = parseCatalogue("test", "test.yaml", `description: of a test\n${yaml}`);
  if (!catalogue) throw new Error(faults.map((one) => `${one.line} ${one.path}: ${one.allowed}`).join("\n"));
  return catalogue;
}

export function table(oid: number, name: string, parts: Partial<Table> = {}): Table {
  return {
    oid,
    schema: "public",
    name,
    kind: "table",
    rows: 100_000,
    bytes: 8_000_000,
    parent: null,
    bounds: null,
    partitionKey: null,
    query: null,
    ...parts,
  };
}

export function index(
  oid: number,
  on: number,
  name: string,
  body: string,
  parts: Partial<Index> = {},
): Index {
  return {
    oid,
    schema: "public",
    name,
    table: on,
    unique: false,
    constraint: false,
    valid: true,
    body,
    options: [],
    method: "btree",
    keys: [],
    included: [],
    predicate: null,
    parent: null,
    bytes: 1_000_000,
    scans: 10,
    ...parts,
  };
}

export function world(parts: Partial<World>): World {
  return {
    now: "2026-11-21T12:00:00Z",
    statisticsSince: "2026-10-01T00:00:00Z",
    extensions: ["plpgsql", "vector"],
    tables: [],
    indexes: [],
    foreignKeys: [],
    underConstruction: [],
    vectorColumns: [],
    definitions: {},
    upkeep: null,
    ...parts,
  };
}

/** What the server would answer: the definitions by the names of indexes and views. */
export function definitions(texts: Record<string, string>, kind = "index"): World["definitions"] {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [`test:${kind}:public.${name}`, { ok: true, text } as const]),
  );
}
