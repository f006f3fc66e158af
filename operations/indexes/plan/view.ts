import type { ViewEntry } from "../catalogue/entries.ts";
import { quoteIdentifier } from "../catalogue/keyPart.ts";
import type { Index, World } from "../world/world.ts";
import { definitionKey } from "./keys.ts";
import type { Verdict } from "./plan.ts";
import { joinedName, qualified, readable } from "./statement.ts";
import type { Step } from "./steps.ts";

/** The unique index that a concurrent refresh needs: on all rows, on plain columns. */
export function uniqueIndexOf(entry: ViewEntry): { name: string; body: string } {
  return {
    name: joinedName(entry.name, "unique"),
    body: `USING btree (${entry.unique.map(quoteIdentifier).join(", ")})`,
  };
}

export function planView(entry: ViewEntry, world: World): Verdict {
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
  const existing = world.tables.find((one) => one.schema === entry.schema && one.name === entry.name);
  if (!existing) return { kind: "work", steps: [create(entry)], repaired: false, note: null };
  if (existing.query !== definition.text) {
    const what =
      existing.kind === "materialized view"
        ? "a materialized view with another query"
        : "no materialized view";
    return {
      kind: "failed",
      reason: `${readable(entry)} exists and is ${what}`,
      todo: `Correct line ${entry.line} of ${entry.catalogue}, or take it away yourself: it is not dropped, as others may depend on it.`,
    };
  }
  const on = world.indexes.filter((one) => one.table === existing.oid);
  if (on.some((one) => one.valid && refreshable(one))) return { kind: "present", note: null };
  const { name } = uniqueIndexOf(entry);
  const drops = on.filter((one) => !one.valid && one.name === name);
  const steps = [...drops.map((one) => dropIndex(one)), unique(entry)];
  return { kind: "work", steps, repaired: true, note: null };
}

function refreshable(index: Index): boolean {
  return index.unique && index.predicate === null && index.keys.every((key) => key !== null);
}

/** View and index in one transaction: there is no moment in which one of them is missing. */
function create(entry: ViewEntry): Step {
  return {
    title: `make the materialized view ${readable(entry)}`,
    sql: [
      `CREATE MATERIALIZED VIEW ${qualified(entry)} AS\n${entry.query}`,
      `CREATE UNIQUE INDEX ${quoteIdentifier(uniqueIndexOf(entry).name)} ON ${qualified(entry)} ${uniqueIndexOf(entry).body}`,
    ],
    undo: { kind: "view", schema: entry.schema, name: entry.name },
    leftover: null,
    lock: "patient",
  };
}

function unique(entry: ViewEntry): Step {
  const { name, body } = uniqueIndexOf(entry);
  const index = { schema: entry.schema, name };
  return {
    title: `build ${name} on ${readable(entry)}`,
    sql: [`CREATE UNIQUE INDEX CONCURRENTLY ${quoteIdentifier(name)} ON ${qualified(entry)} ${body}`],
    undo: { kind: "index", ...index },
    leftover: index,
    lock: "patient",
  };
}

function dropIndex(index: Index): Step {
  return {
    title: `drop the half-made ${index.name}`,
    sql: [`DROP INDEX CONCURRENTLY IF EXISTS ${qualified(index)}`],
    undo: null,
    leftover: null,
    lock: "patient",
  };
}
