import { z } from "zod";
import type { Wait } from "./stalls.ts";

/** What a canary that is left on has seen, in a size that does not grow with time. */
export const tallySchema = z.object({
  since: z.string(),
  acknowledged: z.number(),
  reads: z.number(),
  errors: z.number(),
  samples: z.array(z.string()),
  /** How many rows waited so long, by whole milliseconds. */
  waits: z.record(z.string(), z.number()),
  /** The longest waits, the worst first. */
  longest: z.array(z.object({ at: z.string(), ms: z.number() })),
});

export type Tally = z.infer<typeof tallySchema>;

/** How many of the longest waits, and of the errors in words, are told. */
const TOLD = 5;

export function emptyTally(since: Date): Tally {
  return {
    since: since.toISOString(),
    acknowledged: 0,
    reads: 0,
    errors: 0,
    samples: [],
    waits: {},
    longest: [],
  };
}

/** Waits above a second are counted by tenths of a second, so that there are never many different ones. */
function bucketOf(ms: number): number {
  return ms < 1000 ? Math.round(ms) : Math.round(ms / 100) * 100;
}

export function withWaits(tally: Tally, added: Wait[]): Tally {
  const waits = { ...tally.waits };
  for (const { ms } of added) waits[bucketOf(ms)] = (waits[bucketOf(ms)] ?? 0) + 1;
  const longest = [
    ...tally.longest,
    ...added.map(({ due, ms }) => ({ at: new Date(due).toISOString(), ms: Math.round(ms) })),
  ]
    .sort((a, b) => b.ms - a.ms)
    .slice(0, TOLD);
  return { ...tally, acknowledged: tally.acknowledged + added.length, waits, longest };
}

/** @param share As 0.99. In milliseconds; 0 where nothing was acknowledged. */
export function quantile({ acknowledged, waits }: Tally, share: number): number {
  let left = Math.ceil(share * acknowledged);
  for (const ms of Object.keys(waits)
    .map(Number)
    .sort((a, b) => a - b)) {
    left -= waits[ms]!;
    if (left <= 0) return ms;
  }
  return 0;
}
