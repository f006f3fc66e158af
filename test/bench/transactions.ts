/** One transaction that was acknowledged. */
export interface Transaction {
  client: number;
  /** When it ended (milliseconds since 1970), and how long it took (milliseconds). */
  at: number;
  ms: number;
}

/** @param text A log of pgbench: client, number, microseconds, script, seconds and microseconds of the end. */
export function parseTransactions(text: string): Transaction[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [client, , took, , seconds, micros] = line.split(" ").map(Number);
      return { client: client!, at: seconds! * 1000 + micros! / 1000, ms: took! / 1000 };
    });
}

/** The longest of those that were under way at some time between two moments. */
export function worstBetween(transactions: Transaction[], from: number, to: number): number {
  const there = transactions.filter(({ at, ms }) => at >= from && at - ms <= to);
  if (there.length === 0) throw new Error("no transaction was under way");
  return there.reduce((worst, { ms }) => Math.max(worst, ms), 0);
}
