/** One figure of a benchmark beside what bounds it. */
export interface Figure {
  name: string;
  /** What was measured, each run, in `unit`. */
  values: number[];
  unit: "s" | "ms" | "MB" | "a second";
  /** The same work at its barest (or at another size), measured in the same run. */
  floor?: { what: string; values: number[] };
  /** What is asked for: a bound in `unit`, or of the ratio to the floor. */
  goal: { atMost: number; of: "value" | "ratio" } | { atLeast: number; of: "value" | "ratio" };
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
  const { goal } = figure;
  const measured = goal.of === "ratio" ? ratio : value;
  if (measured === null) throw new Error(`${figure.name}: a goal for a ratio needs a floor`);
  const met = "atMost" in goal ? measured <= goal.atMost : measured >= goal.atLeast;
  return { value, floor, ratio, met };
}

/** As "at most 4 s", "at least 1000 a second", "at most 1.5 x". */
export function goalText({ goal, unit }: Figure): string {
  const of = goal.of === "ratio" ? "x" : unit;
  return "atMost" in goal ? `at most ${goal.atMost} ${of}` : `at least ${goal.atLeast} ${of}`;
}
