/** One figure of a benchmark beside what bounds it. */
export interface Figure {
  name: string;
  /** What was measured, each run; seconds or megabytes as `unit` says. */
  values: number[];
  unit: "s" | "MB";
  /** The same work at its barest, measured in the same run. */
  floor?: { what: string; values: number[] };
  /** What is asked for: an upper bound in `unit`, or of the ratio to the floor. */
  goal: { atMost: number; of: "value" | "ratio" };
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Seconds that some work takes. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Medians, the ratio to the floor, and whether the goal is met. */
export function judge(figure: Figure): {
  value: number;
  floor: number | null;
  ratio: number | null;
  met: boolean;
} {
  const value = median(figure.values);
  const floor = figure.floor ? median(figure.floor.values) : null;
  const ratio = floor === null ? null : value / floor;
  const measured = figure.goal.of === "ratio" ? ratio : value;
  if (measured === null) throw new Error(`${figure.name}: a goal for a ratio needs a floor`);
  return { value, floor, ratio, met: measured <= figure.goal.atMost };
}
