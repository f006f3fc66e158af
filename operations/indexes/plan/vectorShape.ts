import { maximumDimensions, operatorClassOf } from "../../vectors/operators.ts";
import { hnswParameters, ivfflatLists } from "../../vectors/parameters.ts";
import type { VectorIndex } from "../catalogue/entries.ts";
import { quoteIdentifier } from "../catalogue/keyPart.ts";
import type { VectorColumn } from "../world/world.ts";
import type { Verdict } from "./plan.ts";
import { type IndexShape, readable } from "./statement.ts";

export type Shaped =
  | { shape: IndexShape; note: string | null }
  | Extract<Verdict, { kind: "skipped" | "failed" }>;

/**
 * The index that serves an entry's operator on the column as it really is: its type, its dimension, its rows.
 * @param rows Of the table.
 */
export function vectorShape(entry: VectorIndex, column: VectorColumn | undefined, rows: number): Shaped {
  const where = `${readable(entry.table)}.${entry.column}`;
  if (!column) return { kind: "skipped", reason: `there is no column ${where}` };
  if (column.type !== "vector" && column.type !== "halfvec") {
    const todo = `Change the column's type, or name another column on line ${entry.line}.`;
    return { kind: "failed", reason: `${where} is of type ${column.type}, which holds no vectors`, todo };
  }
  const dimension = dimensionOf(entry, column, where);
  if (typeof dimension !== "number") return dimension;
  const type =
    column.type === "vector" && dimension > maximumDimensions(entry.method, "vector")
      ? "halfvec"
      : column.type;
  const most = maximumDimensions(entry.method, type);
  if (dimension > most) {
    return {
      kind: "failed",
      reason: `${where} has ${dimension} dimensions; an index takes ${most} at most`,
      todo: "Store vectors of fewer dimensions (many models can be asked for them), then run this again.",
    };
  }
  const cast = column.dimension === null || type !== column.type;
  const name = quoteIdentifier(entry.column);
  const key = `${cast ? `((${name})::${type}(${dimension}))` : name} ${operatorClassOf(entry.operator, type)}`;
  return {
    shape: {
      unique: false,
      using: `USING ${entry.method} (${key})`,
      where: entry.where,
      options: optionsOf(entry, rows, dimension),
    },
    note: cast
      ? `queries must say ${entry.column}::${type}(${dimension}) ${entry.operator} ... to use it`
      : null,
  };
}

function optionsOf(entry: VectorIndex, rows: number, dimension: number): Record<string, number> {
  if (entry.method === "ivfflat") {
    return { lists: entry.lists === "computed" ? ivfflatLists({ rows }) : entry.lists };
  }
  const computed = hnswParameters({ rows, dimension });
  const m = entry.m === "computed" ? computed.m : entry.m;
  const efConstruction = entry.efConstruction === "computed" ? computed.efConstruction : entry.efConstruction;
  // pgvector refuses an ef_construction under 2 * m.
  return {
    m,
    ef_construction: entry.efConstruction === "computed" ? Math.max(efConstruction, 2 * m) : efConstruction,
  };
}

/** The column's own dimension, or the one that all its rows have; else why there is none. */
function dimensionOf(
  entry: VectorIndex,
  { dimension, found }: VectorColumn,
  where: string,
): number | Extract<Verdict, { kind: "skipped" | "failed" }> {
  if (dimension !== null) {
    if (entry.dimension === null || entry.dimension === dimension) return dimension;
    const todo = `Take \`dimension\` out, or change it (line ${entry.line}).`;
    return {
      kind: "failed",
      reason: `${where} declares ${dimension} dimensions, the catalogue says ${entry.dimension}`,
      todo,
    };
  }
  const counted = found ?? [];
  const wanted = entry.dimension ?? counted[0]?.dimension;
  if (wanted === undefined) {
    return { kind: "skipped", reason: `${where} declares no dimension and has no rows yet to tell it from` };
  }
  if (counted.every((one) => one.dimension === wanted)) return wanted;
  const list = counted
    .map((one) => `${one.dimension} (${one.rows} ${one.rows === 1 ? "row" : "rows"})`)
    .join(", ");
  return {
    kind: "failed",
    reason: `${where} holds vectors of mixed dimensions: ${list}; an index takes one`,
    todo: `Bring all rows to ${wanted} dimensions (embed them again, or delete them), then ALTER TABLE ... ALTER COLUMN ${entry.column} TYPE vector(${wanted}) keeps others out.`,
  };
}
