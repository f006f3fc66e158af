import type { DistanceOperator, VectorMethod } from "../../vectors/operators.ts";

/**
 * A catalogue as the planner sees it: every default filled in, every short form written out. The form of the files
 * is in schema.ts, how faults are found in parse.ts.
 */
export interface Catalogue {
  /** As `--catalogue` and results name it. */
  name: string;
  /** The file, for people. */
  file: string;
  description: string;
  /** Extensions that the entries need. */
  extensions: string[];
  indexes: IndexEntry[];
  views: ViewEntry[];
  partitions: PartitionEntry[];
}

export interface TableName {
  schema: string;
  name: string;
}

/** Where an entry stands and why it is there. */
export interface Origin {
  catalogue: string;
  line: number;
  why: string;
  source: string | null;
}

export type IndexEntry = ColumnIndex | VectorIndex;

/** One key of an index: a column or an expression. */
export interface KeyPart {
  /** SQL: a quoted column, or an expression in parentheses. */
  sql: string;
  /** The column's name; null for an expression. */
  column: string | null;
  descending: boolean;
  nulls: "first" | "last" | null;
  operatorClass: string | null;
}

export type Method = "btree" | "gin" | "gist" | "brin" | "hash";

/** An index whose definition is written out in the catalogue. */
export interface ColumnIndex extends Origin {
  type: "columns";
  name: string;
  table: TableName;
  method: Method;
  keys: KeyPart[];
  include: string[];
  unique: boolean;
  where: string | null;
}

/** Worked out from the table's size and the vectors' dimension when the index is built. */
export type Computed = "computed";

/** An index on vectors: its operator class follows from the operator, its parameters from the table. */
export interface VectorIndex extends Origin {
  type: "vector";
  name: string;
  table: TableName;
  method: VectorMethod;
  column: string;
  operator: DistanceOperator;
  /** For a column that declares none; null: the column's own, or the only one that its rows have. */
  dimension: number | null;
  where: string | null;
  /** IVFFlat only. */
  lists: number | Computed;
  /** HNSW only. */
  m: number | Computed;
  efConstruction: number | Computed;
}

/** A materialized view, made with the unique index that its concurrent refresh needs. */
export interface ViewEntry extends Origin {
  type: "view";
  name: string;
  schema: string;
  query: string;
  /** Columns whose values name a row. */
  unique: string[];
  refreshMinutes: number;
}

/** Monthly ranges of a partitioned table that are to be there before they are needed. */
export interface PartitionEntry extends Origin {
  type: "partitions";
  table: TableName;
  /** The partition key. */
  column: string;
  every: "month";
  /** How many ranges after the current one. */
  ahead: number;
}
