import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  efSearchLadder,
  hnswEfSearch,
  hnswParameters,
  ivfflatLists,
  ivfflatProbes,
  probeLadder,
} from "../../../../operations/vectors/parameters.ts";

describe("IVFFlat", () => {
  test.each([
    [0, 1],
    [1, 1],
    [500, 5],
    [5000, 10],
    [50_000, 50],
    [316_000, 316],
    [1_000_000, 1000],
    [4_000_000, 2000],
    [100_000_000_000, 32_768],
  ])("%i rows have %i lists", (rows, lists) => {
    expect(ivfflatLists({ rows })).toBe(lists);
  });

  test("probes are the square root of the lists", () => {
    expect(ivfflatProbes({ lists: 1 })).toBe(1);
    expect(ivfflatProbes({ lists: 316 })).toBe(18);
    expect(ivfflatProbes({ lists: 1000 })).toBe(32);
  });

  test("more rows never have fewer lists, on either side of a million", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), (rows, more) => {
        expect(ivfflatLists({ rows: rows + more })).toBeGreaterThanOrEqual(
          rows + more > 1_000_000 ? 1000 : ivfflatLists({ rows }),
        );
      }),
    );
  });

  test("measured probes rise, hold the computed one, and never exceed the lists", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32_768 }), (lists) => {
        const ladder = probeLadder({ lists });
        expect(ladder).toEqual([...new Set(ladder)].sort((a, b) => a - b));
        expect(ladder[0]).toBe(1);
        expect(ladder.at(-1)).toBeLessThanOrEqual(lists);
        expect(ladder).toContain(ivfflatProbes({ lists }));
      }),
    );
  });
});

describe("HNSW", () => {
  test("pgvector's defaults, and more where those fall short", () => {
    expect(hnswParameters({ rows: 50_000, dimension: 384 })).toEqual({ m: 16, efConstruction: 64 });
    expect(hnswParameters({ rows: 50_000, dimension: 1536 })).toEqual({ m: 16, efConstruction: 128 });
    expect(hnswParameters({ rows: 2_000_000, dimension: 384 })).toEqual({ m: 24, efConstruction: 128 });
  });

  test("pgvector refuses an ef_construction below 2 * m", () => {
    fc.assert(
      fc.property(fc.nat(100_000_000), fc.nat(4000), (rows, dimension) => {
        const { m, efConstruction } = hnswParameters({ rows, dimension });
        expect(efConstruction).toBeGreaterThanOrEqual(2 * m);
      }),
    );
  });

  test("a search is wide enough for the rows that it must give", () => {
    expect(hnswEfSearch({ limit: 5 })).toBe(40);
    expect(hnswEfSearch({ limit: 100 })).toBe(200);
    expect(hnswEfSearch({ limit: 900 })).toBe(1000);
    expect(efSearchLadder({ limit: 5 })).toEqual([20, 40, 80, 160, 320, 640]);
    expect(efSearchLadder({ limit: 100 })).toEqual([100, 160, 320, 640]);
  });
});
