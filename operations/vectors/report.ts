import type { DistanceOperator, VectorMethod, VectorType } from "./operators.ts";

/** What was measured of one way to search. */
export interface Measured {
  /** Mean share of the exact answer, 0 to 1. */
  recall: number;
  /** Milliseconds of a search as a client sees it, one at a time. */
  p50: number;
  p95: number;
}

export interface VectorIndexFacts {
  name: string;
  method: VectorMethod;
  operatorClass: string;
  /** The operator that the class serves. */
  operator: DistanceOperator;
  /** As m, ef_construction or lists; those that were given when it was built. */
  options: Record<string, number>;
  /** Whether its build came to its end. */
  valid: boolean;
  /** It leaves rows out, by this condition. */
  where: string | null;
  bytes: number;
}

export interface VectorReport {
  stack: string;
  table: string;
  column: string;
  type: VectorType;
  dimension: number;
  /** The planner's estimate. */
  rows: number;
  operator: DistanceOperator;
  /** Rows that each search asks for. */
  limit: number;
  /** How many searches were measured in each way. */
  queries: number;
  /** Each search keeps to the rows that have the same value here. */
  filter: string | null;
  indexes: VectorIndexFacts[];
  /** The one that serves the operator and was measured. */
  index: string | null;
  /** Reading all rows. */
  exact: Omit<Measured, "recall">;
  /** As a client gets it that sets nothing. */
  today: Measured & { plan: string };
  /** By the index, for several values of its setting. */
  settings: ({ name: SearchSetting; value: number } & Measured)[];
  /** The least value that gives that much; null where none of the measured ones does. */
  reaches: { "0.95": number | null; "0.99": number | null };
  warnings: string[];
}

export type SearchSetting = "hnsw.ef_search" | "ivfflat.probes";
