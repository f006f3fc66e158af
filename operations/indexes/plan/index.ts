import type { IndexEntry } from "../catalogue/entries.ts";
import type { Index, Table, World } from "../world/world.ts";
import { definitionKey } from "./keys.ts";
import { planPartitioned } from "./partitioned.ts";
import type { Verdict } from "./plan.ts";
import { columnShape, createIndex, type IndexShape, qualified, readable } from "./statement.ts";
import type { Step } from "./steps.ts";
import { vectorShape } from "./vectorShape.ts";

/** What is to be compared: an entry with what it means on the table as it is. */
export interface Asked {
  entry: IndexEntry;
  table: Table;
  shape: IndexShape;
  /** PostgreSQL's own form of it. */
  text: string;
  note: string | null;
}

export function planIndex(entry: IndexEntry, world: World): Verdict {
  const table = world.tables.find(
    (one) => one.schema === entry.table.schema && one.name === entry.table.name,
  );
  if (!table) return { kind: "skipped", reason: `there is no table ${readable(entry.table)}` };
  if (table.kind === "other") {
    const todo = "Name the table whose rows it shows.";
    return { kind: "failed", reason: `${readable(entry.table)} is no table and takes no index`, todo };
  }
  const shaped = shapeOf(entry, table, world);
  if ("kind" in shaped) return shaped;
  const definition = world.definitions[definitionKey(entry)];
  if (!definition) throw new Error(`${entry.name}: its definition was not looked up`);
  if (!definition.ok) {
    if (definition.missing) return { kind: "skipped", reason: definition.message };
    return {
      kind: "failed",
      reason: definition.message,
      todo: `Correct it on line ${entry.line} of ${entry.catalogue}.`,
    };
  }
  const asked: Asked = { entry, table, text: definition.text, ...shaped };
  return (
    foreignName(asked, world) ??
    (table.kind === "partitioned" ? planPartitioned(asked, world) : planPlain(asked, world))
  );
}

export function shapeOf(entry: IndexEntry, table: Table, world: World) {
  if (entry.type === "columns") return { shape: columnShape(entry), note: null };
  const column = world.vectorColumns.find((one) => one.table === table.oid && one.column === entry.column);
  return vectorShape(entry, column, table.rows);
}

/** Whether an index does what is asked for: a unique one does what a plain one of the same keys does. */
export function serves(index: Index, { entry, shape, text }: Asked): boolean {
  if (index.body !== text || (shape.unique && !index.unique)) return false;
  const fixed = entry.type === "vector" ? fixedOptions(entry, shape) : [];
  return fixed.every((option) => index.options.includes(option));
}

/** Parameters that the catalogue gives; computed ones follow the table's growth, and no index is refused for them. */
function fixedOptions(entry: Extract<IndexEntry, { type: "vector" }>, shape: IndexShape): string[] {
  const given = { lists: entry.lists, m: entry.m, ef_construction: entry.efConstruction };
  return Object.entries(given)
    .filter(([key, value]) => value !== "computed" && key in shape.options)
    .map(([key, value]) => `${key}=${value}`);
}

/** The name is taken by something that is not what is asked for. */
function foreignName({ entry, table, ...asked }: Asked, world: World): Verdict | null {
  const named = world.indexes.find((one) => one.schema === entry.table.schema && one.name === entry.name);
  if (!named?.valid || serves(named, { entry, table, ...asked })) return null;
  const owner = world.tables.find((one) => one.oid === named.table);
  const options = named.options.length > 0 ? ` WITH (${named.options.join(", ")})` : "";
  return {
    kind: "failed",
    reason: `${entry.name} exists with another definition: ${named.unique ? "UNIQUE " : ""}${named.body}${options}${owner && owner.oid !== table.oid ? ` on ${readable(owner)}` : ""}`,
    todo: `Correct line ${entry.line} of ${entry.catalogue}, or take the index away: DROP INDEX CONCURRENTLY ${qualified(named)};`,
  };
}

function planPlain(asked: Asked, world: World): Verdict {
  const { entry, table, note } = asked;
  const on = world.indexes.filter((one) => one.table === table.oid);
  const serving = on.find((one) => one.valid && serves(one, asked));
  const leftovers = leftoversOf(asked, on);
  const busy = underConstruction(leftovers, world);
  if (busy) return busy;
  const drops = leftovers.map((one) => dropLeftover(one));
  if (serving) {
    const presence = presenceNote(serving, asked);
    if (drops.length === 0) return { kind: "present", note: presence };
    return { kind: "work", steps: drops, repaired: true, note: presence };
  }
  if (entry.type === "vector" && entry.method === "ivfflat" && table.rows === 0) {
    return {
      kind: "skipped",
      reason: `${readable(entry.table)} has no rows yet: IVFFlat finds its lists among them, so load first and run this again`,
    };
  }
  const steps = [...drops, buildStep(entry.name, table, asked.shape)];
  return { kind: "work", steps, repaired: drops.length > 0, note };
}

/** Half-made indexes that are of our name, or are what is asked for under any name. */
export function leftoversOf(asked: Asked, on: Index[], name = asked.entry.name): Index[] {
  return on.filter((one) => !one.valid && !one.constraint && (one.name === name || one.body === asked.text));
}

export function underConstruction(leftovers: Index[], world: World): Verdict | null {
  for (const index of leftovers) {
    const build = world.underConstruction.find((one) => one.index === index.oid);
    if (!build) continue;
    return {
      kind: "failed",
      reason: `${index.name} is being built by another session (process ${build.pid} of the server)`,
      todo: "Run this again when it has ended.",
    };
  }
  return null;
}

export function dropLeftover(index: Index): Step {
  return {
    title: `drop the half-made ${index.name}`,
    sql: [`DROP INDEX CONCURRENTLY IF EXISTS ${qualified(index)}`],
    undo: null,
    leftover: null,
    lock: "patient",
  };
}

export function buildStep(name: string, table: Table, shape: IndexShape): Step {
  const index = { schema: table.schema, name };
  return {
    title: `build ${name} on ${readable(table)}`,
    sql: [createIndex(name, table, shape, "concurrently")],
    undo: { kind: "index", ...index },
    leftover: index,
    lock: "patient",
  };
}

/** Says where another index does the work, and where computed parameters have been outgrown. */
function presenceNote(serving: Index, { entry, shape }: Asked): string | null {
  const notes = serving.name === entry.name ? [] : [`as ${serving.name}`];
  const lists = Number(serving.options.find((one) => one.startsWith("lists="))?.slice(6));
  const wanted = shape.options.lists;
  if (wanted !== undefined && (wanted > 4 * lists || lists > 4 * wanted)) {
    notes.push(
      `it has ${lists} lists, and ${wanted} fit the table now: ALTER INDEX ${readable(serving)} SET (lists = ${wanted}); REINDEX INDEX CONCURRENTLY ${readable(serving)};`,
    );
  }
  return notes.length > 0 ? notes.join("; ") : null;
}
