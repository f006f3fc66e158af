import type { CopyWriter } from "./copyWriter.ts";

/** What decides an example's data to the last byte. */
export interface Settings {
  seed: string;
  /** How many of the example's unit there are: organizations, ventures, ... */
  size: number;
  /** The data ends before midnight (UTC) of this date, as 2026-07-01. */
  until: string;
  /** Of vectors, where the example has some. */
  dimension: number;
}

/** One table's data. Tables are independent: each can be written alone, in any order, any number of times. */
export interface Table {
  name: string;
  columns: string[];
  /** Exactly as many as `write` writes. */
  rows: number;
  /** SQL that the table needs before its rows, as its partitions. */
  prepare?: string[];
  /** Its rows go to partitions, which COPY cannot freeze. */
  partitioned?: boolean;
  /** Writes all rows, and lets go whenever the writer is full. */
  write(out: CopyWriter): Iterable<void>;
}

export type Scale = "small" | "medium" | "large";

/** Sample data of one system: beside each example.ts stands its schema.sql. */
export interface Example {
  title: string;
  /** Raised when the same settings give other data than before. */
  version: number;
  /** What `size` counts, in the plural. */
  unit: string;
  scales: Record<Scale, number>;
  extensions: string[];
  /** Something to try in psql when it is loaded. */
  query: string;
  /** In an order in which each table comes after those that it refers to. */
  tables(settings: Settings): Table[];
}
