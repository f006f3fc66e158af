/**
 * What a quantity of something costs, in whole cents, rounded half up, without the errors of binary fractions.
 *
 * @param net The price of one, a decimal string as the API writes it ("0.0572000000").
 * @param quantity A whole number.
 */
export function cents(net: string, quantity: number): number {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(net);
  if (!match) throw new Error(`"${net}" is no price`);
  const [, whole = "", fraction = ""] = match;
  const scale = 10n ** BigInt(fraction.length);
  const total = BigInt(whole + fraction) * BigInt(quantity) * 100n;
  return Number((total + scale / 2n) / scale);
}

/** Cents as an amount for programs: the number that prints with at most two decimals. */
export function euros(wholeCents: number): number {
  return wholeCents / 100;
}

/** A decimal string without the zeros at its end, with two decimals at least: "19.4900000000" is "19.49". */
export function trimmed(net: string): string {
  const [whole = "0", fraction = ""] = net.split(".");
  return `${whole}.${fraction.replace(/0+$/, "").padEnd(2, "0")}`;
}
