import type { CanaryReport } from "../canary/canary.ts";
import type { CutoverTimes } from "../switchover/cutover.ts";
import type { PriceChange } from "./plan.ts";
import type { PromotionRecord } from "./record.ts";

/** What a run of `promote` has done. */
export interface PromotionReport {
  id: string;
  stack: string;
  from: number;
  to: number;
  /** `done`: in the new phase; `undone`: back in the old one; `paused`: where it was asked to stop. */
  outcome: "done" | "undone" | "paused";
  /** Of this run. */
  seconds: number;
  steps: { name: string; seconds: number }[];
  price: PriceChange;
  /** Of this run's moves of the primary. */
  cutovers: CutoverTimes[];
  canary: Omit<CanaryReport, "stalls"> & { stalls: StepStall[] };
}

/** A stretch in which clients were held, with the step that was at work. */
export interface StepStall {
  at: Date;
  ms: number;
  step: string | null;
}

/** @param begun When each step of the run began, in order. */
export function withSteps(
  { stalls, ...canary }: CanaryReport,
  begun: { name: string; at: Date }[],
): PromotionReport["canary"] {
  const stepAt = (at: Date) => begun.findLast((step) => step.at <= at)?.name ?? null;
  return { ...canary, stalls: stalls.map((stall) => ({ ...stall, step: stepAt(stall.at) })) };
}

/** What `promote --json` prints: this and nothing else, so that scripts can hold on to it. The record says more. */
export interface PromotionResult {
  from: number;
  to: number;
  /** Of this run. */
  seconds: number;
  steps: { name: string; seconds: number }[];
  /** Euros a month without VAT. */
  price: PriceChange;
  canary: {
    acknowledged: number;
    missing: number;
    errors: number;
    worstStallMs: number;
    p99StallMs: number;
  };
}

export function resultOf({ canary, from, price, seconds, steps, to }: PromotionReport): PromotionResult {
  const { acknowledged, errors, missing, p99StallMs, worstStallMs } = canary;
  return {
    from,
    to,
    seconds,
    steps,
    price,
    canary: { acknowledged, missing, errors, worstStallMs, p99StallMs },
  };
}

/** For people. */
export function reportText(report: PromotionReport): string {
  const { from, outcome, seconds, stack, to } = report;
  const ends = {
    done: `${stack} is in phase ${to}`,
    undone: `${stack} is back in phase ${from}`,
    paused: `${stack} is between phase ${from} and phase ${to}`,
  };
  return [`${ends[outcome]} after ${seconds} s.`, ...figures(report)].join("\n");
}

/** For people: a run of the past, also one that failed. */
export function recordText(record: PromotionRecord): string {
  const { at, by, from, outcome, problem, seconds, stack, to } = record;
  return [
    `${stack}: phase ${from} -> ${to}, ${outcome} after ${seconds} s`,
    `  begun    ${at.slice(0, 19).replace("T", " ")} UTC by ${by}`,
    ...(problem === null ? [] : [`  problem  ${problem}`]),
    ...figures(record),
    ...record.steps.map(({ name, seconds }) => `  step     ${name}: ${seconds} s`),
  ].join("\n");
}

function figures({ canary, cutovers, price }: Pick<PromotionRecord, "canary" | "cutovers" | "price">) {
  const held = cutovers.map((times) => `${times.heldMs} ms`);
  return [
    ...(canary ? [rowsText(canary)] : ["  rows     not known: the canary could not be asked any more"]),
    ...(canary ? [clientsText(canary)] : []),
    ...(held.length > 0 ? [`  held     ${held.join(", ")} while the primary moved`] : []),
    ...(price.before !== null && price.after !== null
      ? [`  price    EUR ${price.before.toFixed(2)} -> ${price.after.toFixed(2)} a month`]
      : []),
    ...(canary?.stalls ?? []).map(({ ms, step }) => `  wait     ${ms} ms${step ? ` during ${step}` : ""}`),
    ...(canary?.samples ?? []).map((sample) => `  ! ${sample}`),
  ];
}

export function rowsText({ acknowledged, missing }: { acknowledged: number; missing: number }): string {
  return `  rows     ${acknowledged} acknowledged, ${missing} missing`;
}

function clientsText({ errors, p99StallMs, worstStallMs }: PromotionReport["canary"]): string {
  return `  clients  ${errors} errors; 99 % of their waits within ${p99StallMs} ms, the longest ${worstStallMs} ms`;
}
