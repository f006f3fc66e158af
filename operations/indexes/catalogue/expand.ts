import type { ColumnIndex, KeyPart, Method, Origin, VectorIndex } from "./entries.ts";
import { quoteIdentifier } from "./keyPart.ts";
import type { ParsedIndex } from "./schema.ts";

type Expanded<T extends Origin> = Omit<T, "catalogue" | "line">;

/** Writes a judged entry out: short forms become keys with their operator classes. */
export function expand(entry: ParsedIndex): Expanded<ColumnIndex> | Expanded<VectorIndex> {
  const common = {
    name: entry.name,
    table: entry.table,
    where: entry.where ?? null,
    why: entry.why,
    source: entry.source ?? null,
  };
  switch (entry.kind) {
    case "ivfflat":
    case "hnsw":
      return {
        ...common,
        type: "vector",
        method: entry.kind,
        column: entry.column.toLowerCase(),
        operator: entry.operator,
        dimension: entry.dimension ?? null,
        lists: entry.kind === "ivfflat" ? entry.lists : "computed",
        m: entry.kind === "hnsw" ? entry.m : "computed",
        efConstruction: entry.kind === "hnsw" ? entry.efConstruction : "computed",
      };
    case "trigram":
      return plain(
        "gin",
        entry.columns.map((column) => key(column, "gin_trgm_ops")),
      );
    case "fulltext":
      return plain("gin", [
        { ...key("", null), sql: documentOf(entry.columns, entry.language), column: null },
      ]);
    case "btree":
      return {
        ...plain("btree", entry.columns),
        include: (entry.include ?? []).map((column) => column.toLowerCase()),
        unique: entry.unique,
      };
    default:
      return plain(entry.kind, entry.columns);
  }

  function plain(method: Method, keys: KeyPart[]): Expanded<ColumnIndex> {
    return { ...common, type: "columns", method, keys, include: [], unique: false };
  }
}

function key(column: string, operatorClass: string | null): KeyPart {
  const name = column.toLowerCase();
  return { sql: quoteIdentifier(name), column: name, descending: false, nulls: null, operatorClass };
}

/** The document that queries must name in the same words: the language is fixed, or it would not be immutable. */
function documentOf(columns: string[], language: string): string {
  const names = columns.map((column) => quoteIdentifier(column.toLowerCase()));
  const text =
    names.length === 1 ? names[0] : names.map((name) => `coalesce(${name}, '')`).join(" || ' ' || ");
  return `(to_tsvector('${language}', ${text}))`;
}
