/**
 * pgvector's distance operators and their operator classes. An index answers `ORDER BY column <operator> query` only
 * where its class belongs to that very operator; with any other the planner reads the whole table, without a word
 * (pgvector 0.8.0 README, "HNSW", "IVFFlat" and "Vector Operators").
 */
export const distances = {
  "<->": { name: "l2", title: "Euclidean (L2) distance" },
  "<=>": { name: "cosine", title: "cosine distance" },
  "<#>": { name: "ip", title: "negative inner product" },
  "<+>": { name: "l1", title: "taxicab (L1) distance" },
  "<~>": { name: "hamming", title: "Hamming distance" },
  "<%>": { name: "jaccard", title: "Jaccard distance" },
} as const;

export type DistanceOperator = keyof typeof distances;
export const distanceOperators = Object.keys(distances) as DistanceOperator[];

export const vectorTypes = ["vector", "halfvec", "sparsevec", "bit"] as const;
export type VectorType = (typeof vectorTypes)[number];

export type VectorMethod = "hnsw" | "ivfflat";

const ofNumbers: DistanceOperator[] = ["<->", "<=>", "<#>", "<+>"];
const ofBits: DistanceOperator[] = ["<~>", "<%>"];

/** The operators of a type, as it has them without any index. */
export function operatorsOf(type: VectorType): DistanceOperator[] {
  return type === "bit" ? ofBits : ofNumbers;
}

/** Which operators an index method serves for a type (pgvector 0.8.0: IVFFlat has no L1, no Jaccard, no sparsevec). */
export function indexableOperators(method: VectorMethod, type: VectorType): DistanceOperator[] {
  if (method === "hnsw") return operatorsOf(type);
  if (type === "sparsevec") return [];
  return operatorsOf(type).filter((operator) => operator !== "<+>" && operator !== "<%>");
}

/** The operator class that serves an operator for a type, as `vector_l2_ops` for `<->`. */
export function operatorClassOf(operator: DistanceOperator, type: VectorType): string {
  return `${type}_${distances[operator].name}_ops`;
}

/** The operator and type that an operator class serves; undefined where the class is not one of pgvector's. */
export function operatorOf(
  operatorClass: string,
): { operator: DistanceOperator; type: VectorType } | undefined {
  for (const type of vectorTypes) {
    const operator = operatorsOf(type).find((one) => operatorClassOf(one, type) === operatorClass);
    if (operator) return { operator, type };
  }
  return undefined;
}

/**
 * The most dimensions (for sparsevec: elements that are not zero) that an index of this method takes (pgvector 0.8.0
 * README, "What if I want to index vectors with more than 2,000 dimensions?" and "Supported types"); 0 where it takes none.
 */
export function maximumDimensions(method: VectorMethod, type: VectorType): number {
  if (type === "sparsevec") return method === "hnsw" ? 1000 : 0;
  return { vector: 2000, halfvec: 4000, bit: 64_000 }[type];
}
