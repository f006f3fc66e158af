import type { TableName } from "../catalogue/entries.ts";

/** What a database has, as plain data: all that is decided, is decided from this and the catalogues. */
export interface World {
  /** The server's clock, ISO 8601. */
  now: string;
  /** Since when scans are counted, ISO 8601. */
  statisticsSince: string;
  extensions: string[];
  tables: Table[];
  indexes: Index[];
  foreignKeys: ForeignKey[];
  /** Oids of indexes that some session is building right now. */
  underConstruction: { index: number; pid: number }[];
  vectorColumns: VectorColumn[];
  /** What the server makes of the catalogues' definitions, by key (plan/keys.ts). */
  definitions: Record<string, Definition>;
  /** What is to be done on schedule; null where nothing was installed yet. */
  upkeep: Upkeep | null;
}

export interface Table extends TableName {
  oid: number;
  kind: "table" | "partitioned" | "materialized view" | "other";
  /** Estimated from what ANALYZE saw and the present size. */
  rows: number;
  bytes: number;
  /** Where it is a partition: its parent and its bounds as PostgreSQL prints them (in UTC). */
  parent: number | null;
  bounds: string | null;
  /** Where it is partitioned, as "RANGE (created_at)". */
  partitionKey: string | null;
  /** The query of a materialized view, as PostgreSQL prints it. */
  query: string | null;
}

export interface Index extends TableName {
  oid: number;
  table: number;
  unique: boolean;
  /** It belongs to a constraint (primary key, unique, exclusion). */
  constraint: boolean;
  /** Usable by queries; of a partitioned table: attached on every partition. */
  valid: boolean;
  /** From "USING" on, as PostgreSQL prints it, without its storage parameters. */
  body: string;
  /** Storage parameters, as "lists=100". */
  options: string[];
  method: string;
  /** Each key as "column:class:collation:order"; null for an expression. */
  keys: (string | null)[];
  /** Column numbers of its INCLUDE. */
  included: number[];
  predicate: string | null;
  /** Index of the parent table that it is attached to. */
  parent: number | null;
  bytes: number;
  scans: number;
}

export interface ForeignKey {
  name: string;
  table: number;
  /** Column numbers, and their names in the same order. */
  columns: number[];
  names: string[];
  references: string;
}

export interface VectorColumn {
  table: number;
  column: string;
  /** Name of its type; "missing" is no type of a column. */
  type: string;
  /** Declared dimension; null where it declares none. */
  dimension: number | null;
  /** Where none is declared and it was counted: how many rows have which dimension. */
  found: { dimension: number; rows: number }[] | null;
}

/** PostgreSQL's own form of a definition, or why it refuses it. */
export type Definition =
  | { ok: true; text: string }
  | {
      ok: false;
      /** It names a table or column that there is not. */
      missing: boolean;
      message: string;
    };

export interface Upkeep {
  /** md5 of the procedure's text. */
  version: string | null;
  refreshes: { schema: string; name: string; minutes: number }[];
  partitions: { schema: string; name: string; column: string; ahead: number }[];
}
