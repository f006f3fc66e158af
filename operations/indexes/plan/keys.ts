import type { IndexEntry, ViewEntry } from "../catalogue/entries.ts";

/** Under which key the world holds PostgreSQL's own form of an entry's definition. */
export function definitionKey(entry: IndexEntry | ViewEntry): string {
  const schema = entry.type === "view" ? entry.schema : entry.table.schema;
  return `${entry.catalogue}:${entry.type === "view" ? "view" : "index"}:${schema}.${entry.name}`;
}
