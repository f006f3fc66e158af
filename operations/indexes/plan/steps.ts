import type { TableName } from "../catalogue/entries.ts";

/** One change of the database: journalled, run (again where a lock is in the way), and taken back by its `undo`. */
export interface Step {
  /** For people, as "build idx_orders_customer on orders". */
  title: string;
  /** Run in order; several of them in one transaction. */
  sql: string[];
  undo: Undo | null;
  /** The index that is left half-made where the statement fails. */
  leftover: TableName | null;
  /**
   * `patient`: waiting for the lock keeps nobody else from reading and writing; `brief`: it does, so that it must
   * give way soon.
   */
  lock: "patient" | "brief";
}

/** How something that a run made is taken back. */
export type Undo =
  | ({ kind: "index" } & TableName)
  /** `restore`: indexes that were there before and go with it. */
  | ({ kind: "partitioned index"; restore: string[] } & TableName)
  | ({ kind: "view" } & TableName)
  /** Only where it is empty. */
  | ({ kind: "partition" } & TableName)
  | { kind: "extension"; name: string }
  | { kind: "statement"; sql: string };
