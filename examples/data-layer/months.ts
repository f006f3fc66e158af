export interface Month {
  /** As 2026_06. */
  name: string;
  /** Its first day, and the first day after it, as 2026-06-01. */
  from: string;
  to: string;
}

/** All months (UTC) that a span of time touches. @param to The first moment after it. */
export function months(from: number, to: number): Month[] {
  const start = new Date(from);
  const found: Month[] = [];
  for (let month = start.getUTCMonth(); ; month++) {
    const first = new Date(Date.UTC(start.getUTCFullYear(), month, 1));
    if (first.getTime() >= to) return found;
    const next = new Date(Date.UTC(start.getUTCFullYear(), month + 1, 1));
    const date = (day: Date) => day.toISOString().slice(0, 10);
    found.push({ name: date(first).slice(0, 7).replace("-", "_"), from: date(first), to: date(next) });
  }
}
