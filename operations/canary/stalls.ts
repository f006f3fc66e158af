/** One answered request. */
export interface Wait {
  /** When it was due, in milliseconds since 1970. */
  due: number;
  /** Milliseconds from then to its answer: a client that is held back before it can ask is a client that waits. */
  ms: number;
}

/** How long clients waited, in whole milliseconds. */
export interface Stalls {
  worstMs: number;
  p99Ms: number;
  /** The longest stretches in which clients were held, the worst first. */
  longest: { at: Date; ms: number }[];
}

/** How many stretches are told. */
const TOLD = 3;

export function stallsOf(waits: Wait[]): Stalls {
  if (waits.length === 0) return { worstMs: 0, p99Ms: 0, longest: [] };
  const sorted = waits.map((wait) => wait.ms).sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { worstMs: at(1), p99Ms: at(0.99), longest: longestOf(waits) };
}

/** Requests that were held at the same time were held by the same thing: the first of them waited longest. */
function longestOf(waits: Wait[]): Stalls["longest"] {
  const told: Wait[] = [];
  for (const wait of [...waits].sort((a, b) => b.ms - a.ms)) {
    if (told.length === TOLD) break;
    const same = told.some((other) => wait.due < other.due + other.ms && other.due < wait.due + wait.ms);
    if (!same) told.push(wait);
  }
  return told.map(({ due, ms }) => ({ at: new Date(Math.round(due)), ms: Math.round(ms) }));
}

/** Which of the acknowledged numbers are not among those that are there, in order. */
export function missingOf(acknowledged: number[], present: Iterable<number>): number[] {
  const there = new Set(present);
  return acknowledged.filter((number) => !there.has(number)).sort((a, b) => a - b);
}
