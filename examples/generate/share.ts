import type { Random } from "./random.ts";

/** Exponents of Zipf's law: how much more the first has than the tenth. */
export const skews = {
  /** Customers: the largest of 500 has a twelfth of all. */
  strong: 0.9,
  /** What one customer has several of. */
  some: 0.5,
  /** Lengths. */
  slight: 0.25,
} as const;

/**
 * How much each of `owners` has of `total`: few have much and many have little (Zipf's law, in random order). The
 * shares add up to exactly `total`, and each is at least `least`.
 * @throws Error where `total` is too small for that.
 */
export function share(
  { total, owners, least, skew }: { total: number; owners: number; least: number; skew: keyof typeof skews },
  random: Random,
): Uint32Array {
  const rest = total - owners * least;
  if (rest < 0) throw new Error(`${total} cannot be shared among ${owners} with ${least} for each`);
  const weights = Float64Array.from({ length: owners }, (_, rank) => (rank + 1) ** -skews[skew]);
  shuffle(weights, random);
  const sum = weights.reduce((before, weight) => before + weight, 0);
  const shares = new Uint32Array(owners);
  let weighed = 0;
  let given = 0;
  for (let owner = 0; owner < owners; owner++) {
    weighed += weights[owner]!;
    const upToHere = owner === owners - 1 ? rest : Math.round((rest * weighed) / sum);
    shares[owner] = least + upToHere - given;
    given = upToHere;
  }
  return shares;
}

/** Fisher and Yates. */
function shuffle(values: Float64Array, random: Random): void {
  for (let last = values.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [values[last], values[other]] = [values[other]!, values[last]!];
  }
}
