import { expect, test } from "vitest";
import {
  distanceOperators,
  indexableOperators,
  maximumDimensions,
  operatorClassOf,
  operatorOf,
  operatorsOf,
  vectorTypes,
} from "../../../../operations/vectors/operators.ts";

test("each operator has its own class", () => {
  expect(operatorClassOf("<->", "vector")).toBe("vector_l2_ops");
  expect(operatorClassOf("<=>", "halfvec")).toBe("halfvec_cosine_ops");
  expect(operatorClassOf("<#>", "vector")).toBe("vector_ip_ops");
  expect(operatorClassOf("<~>", "bit")).toBe("bit_hamming_ops");
});

test("a class says which operator it serves, and is found again from it", () => {
  for (const type of vectorTypes) {
    for (const operator of operatorsOf(type)) {
      expect(operatorOf(operatorClassOf(operator, type))).toEqual({ operator, type });
    }
  }
  expect(operatorOf("text_ops")).toBeUndefined();
  expect(operatorOf("bit_l2_ops")).toBeUndefined();
});

test("IVFFlat serves fewer operators than HNSW", () => {
  expect(indexableOperators("hnsw", "vector")).toEqual(["<->", "<=>", "<#>", "<+>"]);
  expect(indexableOperators("ivfflat", "vector")).toEqual(["<->", "<=>", "<#>"]);
  expect(indexableOperators("ivfflat", "sparsevec")).toEqual([]);
  expect(distanceOperators).toHaveLength(6);
});

test("an index takes so many dimensions and no more", () => {
  expect(maximumDimensions("hnsw", "vector")).toBe(2000);
  expect(maximumDimensions("ivfflat", "halfvec")).toBe(4000);
  expect(maximumDimensions("ivfflat", "sparsevec")).toBe(0);
});
