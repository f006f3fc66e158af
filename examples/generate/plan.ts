import { Ids } from "./ids.ts";
import type { Random } from "./random.ts";

/** [2, 1] becomes [0, 0, 1]: to whom each one belongs. */
export function owners(shares: Uint32Array): Uint32Array {
  const made = new Uint32Array(sum(shares));
  let at = 0;
  for (const [owner, count] of shares.entries()) {
    made.fill(owner, at, at + count);
    at += count;
  }
  return made;
}

export function sum(shares: Uint32Array): number {
  return shares.reduce((before, one) => before + one, 0);
}

/** Moments in their order, as rows that were written one after the other. */
export function inOrder(count: number, make: () => number): Float64Array {
  return Float64Array.from({ length: count }, make).sort();
}

/** One id for each moment. */
export function idsAt(createdAt: Float64Array, random: Random): Ids {
  const ids = new Ids(createdAt.length);
  for (const [index, time] of createdAt.entries()) ids.set(index, time, random);
  return ids;
}
