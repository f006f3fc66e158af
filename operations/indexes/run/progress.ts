/** A row of pg_stat_progress_create_index. */
export interface Progress {
  phase: string;
  blocksDone: number;
  blocksTotal: number;
  tuplesDone: number;
  tuplesTotal: number;
}

/** How far a phase is, in tenths, so that a line is told ten times a phase at most. */
export function progressLine({ phase, blocksDone, blocksTotal, tuplesDone, tuplesTotal }: Progress): string {
  const [done, total] = tuplesTotal > 0 ? [tuplesDone, tuplesTotal] : [blocksDone, blocksTotal];
  if (total <= 0) return phase;
  return `${phase}, ${Math.min(100, Math.floor((done / total) * 10) * 10)} %`;
}
