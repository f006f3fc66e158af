/** One row of an answer: where it stands in the table, and how far it is from what was asked for. */
export interface Neighbour {
  /** The row's ctid. */
  row: string;
  distance: number;
}

/**
 * The share of the exact answer that an approximate one gave. Rows at the same distance are as good as each other:
 * what counts is not to be farther away than the last of the exact answer.
 * @param exact The nearest first.
 * @returns 0 to 1.
 */
export function recall(exact: Neighbour[], approximate: Neighbour[]): number {
  const last = exact.at(-1);
  if (!last) return 1;
  const rows = new Set(exact.map(({ row }) => row));
  // Distances are sums of floats, added up in another order by another plan.
  const limit = last.distance + Math.max(Math.abs(last.distance), 1) * 1e-6;
  const found = approximate.filter(({ row, distance }) => rows.has(row) || distance <= limit);
  return Math.min(found.length, exact.length) / exact.length;
}

/** The answer without the row that was asked with: it finds itself, which proves nothing. */
export function withoutItself(answer: Neighbour[], itself: string, count: number): Neighbour[] {
  return answer.filter(({ row }) => row !== itself).slice(0, count);
}

export function mean(values: number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

/** The value below which `share` (0 to 1) of the values lie, as one of the values (nearest rank). */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}
