/** How far a restored database came. */
export interface Reached {
  /** The time of the last transaction that was replayed; null where none was. */
  time: string | null;
  /** The end of the replayed log. */
  lsn: string | null;
}

/** @param words What PostgreSQL said while it replayed. */
export function reachedIn(words: string): Reached {
  const time = [...words.matchAll(/last completed transaction was at log time ([^\n]+)/g)].at(-1)?.[1];
  return {
    time:
      time === undefined ? null : new Date(time.trim().replace(" ", "T").replace(/\+00$/, "Z")).toISOString(),
    lsn: [...words.matchAll(/redo done at ([0-9A-F]+\/[0-9A-F]+)/g)].at(-1)?.[1] ?? null,
  };
}
