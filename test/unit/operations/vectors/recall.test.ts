import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  mean,
  type Neighbour,
  percentile,
  recall,
  withoutItself,
} from "../../../../operations/vectors/recall.ts";
import { scanOf } from "../../../../operations/vectors/search.ts";

const rows = (...pairs: [string, number][]): Neighbour[] =>
  pairs.map(([row, distance]) => ({ row, distance }));
const exact = rows(["a", 0.1], ["b", 0.2], ["c", 0.3], ["d", 0.3]);

describe("recall", () => {
  test("is the share of the exact answer that was found, in whatever order", () => {
    expect(recall(exact, exact)).toBe(1);
    expect(recall(exact, [...exact].reverse())).toBe(1);
    expect(recall(exact, rows(["a", 0.1], ["c", 0.3], ["x", 0.5], ["y", 0.6]))).toBe(0.5);
    expect(recall(exact, [])).toBe(0);
  });

  test("a row at the same distance is as good as the one of the exact answer", () => {
    expect(recall(exact, rows(["a", 0.1], ["b", 0.2], ["c", 0.3], ["e", 0.300_000_01]))).toBe(1);
    expect(recall(exact, rows(["a", 0.1], ["b", 0.2], ["c", 0.3], ["e", 0.31]))).toBe(0.75);
  });

  test("distances of the inner product are negative", () => {
    const products = rows(["a", -0.9], ["b", -0.5]);
    expect(recall(products, rows(["a", -0.9], ["z", -0.4]))).toBe(0.5);
  });

  test("the row that was asked with does not count", () => {
    const answer = rows(["me", 0], ["a", 0.1], ["b", 0.2], ["c", 0.3]);
    expect(withoutItself(answer, "me", 2)).toEqual(rows(["a", 0.1], ["b", 0.2]));
    expect(withoutItself(rows(["a", 0.1], ["b", 0.2], ["c", 0.3]), "me", 2)).toHaveLength(2);
  });
});

test("percentiles are values that were measured", () => {
  expect(percentile([3, 1, 2], 0.5)).toBe(2);
  expect(percentile([5], 0.95)).toBe(5);
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 1e6 }), { minLength: 1 }), (values) => {
      expect(values).toContain(percentile(values, 0.95));
      expect(percentile(values, 0.5)).toBeLessThanOrEqual(percentile(values, 0.95));
      expect(percentile(values, 1)).toBe(Math.max(...values));
    }),
  );
  expect(mean([1, 2, 6])).toBe(3);
});

test("a plan says by which index its rows are read", () => {
  const scan = { "Node Type": "Index Scan", "Index Name": "idx", "Relation Name": "t" };
  expect(scanOf({ "Node Type": "Limit", Plans: [scan] })).toBe("idx");
  const sequential = { "Node Type": "Seq Scan", "Relation Name": "t" };
  const sort = { "Node Type": "Sort", Plans: [sequential] };
  expect(scanOf({ "Node Type": "Limit", Plans: [sort] })).toBe("seq scan");
});
