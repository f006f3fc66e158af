import { describe, expect, test } from "vitest";
import { reaching, warningsOf } from "../../../../operations/vectors/judge.ts";
import type { VectorIndexFacts, VectorReport } from "../../../../operations/vectors/report.ts";

const hnsw: VectorIndexFacts = {
  name: "idx_chunks",
  method: "hnsw",
  operatorClass: "vector_l2_ops",
  operator: "<->",
  options: { m: 16, ef_construction: 64 },
  valid: true,
  where: null,
  bytes: 1e6,
};
const at = (value: number, recall: number, p95 = 3) =>
  ({ name: "hnsw.ef_search", value, recall, p50: 1, p95 }) as const;

function report(changes: Partial<VectorReport>): Omit<VectorReport, "warnings"> {
  const settings = changes.settings ?? [at(20, 0.9), at(40, 0.96), at(80, 0.995)];
  return {
    ...{ stack: "dev", table: "chunks", column: "embedding", type: "vector", dimension: 384, rows: 50_000 },
    ...{ operator: "<->", limit: 5, queries: 100, filter: null, indexes: [hnsw], index: "idx_chunks" },
    exact: { p50: 20, p95: 30 },
    today: { plan: "idx_chunks", recall: 0.96, p50: 1, p95: 3 },
    settings,
    reaches: { "0.95": reaching(settings, 0.95), "0.99": reaching(settings, 0.99) },
    ...changes,
  };
}

test("a good index is not warned about, and the least good setting is named", () => {
  expect(report({}).reaches).toEqual({ "0.95": 40, "0.99": 80 });
  expect(warningsOf(report({}))).toEqual([]);
});

describe("warnings", () => {
  test("an index of another operator", () => {
    const cosine = { ...hnsw, operatorClass: "vector_cosine_ops", operator: "<=>" as const };
    expect(warningsOf(report({ indexes: [cosine], index: null, settings: [] }))).toEqual([
      "the index idx_chunks (vector_cosine_ops) serves <=>, cosine distance; searches by <-> read the whole table. Build one with vector_l2_ops, or search by <=>",
    ]);
  });

  test("no index at all, an invalid one, and a partial one", () => {
    expect(warningsOf(report({ indexes: [], index: null, settings: [] }))).toEqual([
      "no index serves <->: every search reads the whole table. Build one with vector_l2_ops",
    ]);
    expect(warningsOf(report({ indexes: [hnsw, { ...hnsw, name: "broken", valid: false }] }))).toEqual([
      "the index broken is invalid: its build was interrupted; `indexes` repairs it",
    ]);
    expect(warningsOf(report({ indexes: [hnsw, { ...hnsw, name: "part", where: "(id > 5)" }] }))).toEqual([
      "the index part holds only rows where (id > 5); it was not measured",
    ]);
  });

  test("lists that do not fit the rows, and a recall that is never reached", () => {
    const ivfflat: VectorIndexFacts = { ...hnsw, method: "ivfflat", options: { lists: 316 } };
    const settings = [{ name: "ivfflat.probes", value: 18, recall: 0.8, p50: 1, p95: 2 } as const];
    const today = { plan: "idx_chunks", recall: 0.6, p50: 1, p95: 2 };
    expect(warningsOf(report({ indexes: [ivfflat], settings, today }))).toEqual([
      "idx_chunks has 316 lists, 50,000 rows want 50: build it anew",
      "no measured value of ivfflat.probes reaches 95 %: 18 gives 80.0 %. Build it anew from today's rows, or use hnsw",
    ]);
  });

  test("a filter that takes most of the index's rows away", () => {
    const settings = [at(640, 0.4)];
    expect(warningsOf(report({ settings, filter: "chatbot_id" }))).toEqual([
      "no measured value of hnsw.ef_search reaches 95 %: 640 gives 40.0 %. Rows of other values of chatbot_id are in the way: SET hnsw.iterative_scan = strict_order, or index chatbot_id",
    ]);
  });

  test("clients that set nothing get too little", () => {
    const today = { plan: "idx_chunks", recall: 0.7, p50: 1, p95: 2 };
    expect(warningsOf(report({ today }))).toEqual([
      "clients that set nothing get 70.0 % of the right rows: set hnsw.ef_search = 40 (ALTER ROLE ... SET, or SET LOCAL in the transaction)",
    ]);
  });

  test("slower than 200 ms with a good answer, and more than a million vectors", () => {
    const settings = [at(20, 0.5, 90), at(40, 0.97, 240)];
    expect(warningsOf(report({ settings, rows: 1_200_000 }))).toEqual([
      "a search with a good answer takes 240 ms (p95), more than 200 ms: where that persists, leave pgvector for a vector database",
      "1,200,000 vectors: from about a million on, evaluate a vector database",
    ]);
  });
});
