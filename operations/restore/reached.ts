/** How far a restored database came. */
export interface Reached {
  /** The time of the last transaction that was replayed; null where none was. */
  time: string | null;
  /** The end of the replayed log. */
  lsn: string | null;
}

/** @param words What PostgreSQL said while it replayed. */
export function reachedIn(words: string): Reached {
  return {
    time: timeIn(words, /last completed transaction was at log time ([^\n]+)/g),
    lsn: [...words.matchAll(/redo done at ([0-9A-F]+\/[0-9A-F]+)/g)].at(-1)?.[1] ?? null,
  };
}

/** The time that the first transaction carries which was left out; null where the replay ended in another way. */
export function stoppedBefore(words: string): string | null {
  return timeIn(words, /recovery stopping before (?:commit|abort) of transaction \d+, time ([^\n]+)/g);
}

function timeIn(words: string, pattern: RegExp): string | null {
  const time = [...words.matchAll(pattern)].at(-1)?.[1];
  if (time === undefined) return null;
  return new Date(time.trim().replace(" ", "T").replace(/\+00$/, "Z")).toISOString();
}
