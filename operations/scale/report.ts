import type { Sizes } from "../../infra/phases/scaling.ts";
import type { CanaryReport } from "../canary/canary.ts";
import type { PriceChange } from "../promote/plan.ts";
import type { StepStall } from "../promote/report.ts";
import type { Pending } from "../verify/checks/pendingRestarts.ts";

/** What `scale --json` prints. */
export interface ScaleReport {
  id: string;
  stack: string;
  from: Sizes;
  to: Sizes;
  /** Of this run. */
  seconds: number;
  steps: { name: string; seconds: number }[];
  price: PriceChange;
  /** What clients were told that they would notice. */
  notices: { machine: string; notice: string }[];
  /** `announcedErrors` of its errors fell into what was announced. */
  canary: Omit<CanaryReport, "stalls"> & { announcedErrors: number; stalls: StepStall[] };
  /** Restarts that wait since: PostgreSQL takes its share of more memory when it starts. */
  pending: Pending[];
}

/** Whether no row is missing and no client saw an error that nobody was told of. */
export function isUnhurt({ canary }: Pick<ScaleReport, "canary">): boolean {
  return canary.missing === 0 && canary.errors <= canary.announcedErrors;
}

/** For people. */
export function reportText({ canary, pending, price, seconds, stack }: ScaleReport): string {
  const announced = canary.announcedErrors > 0 ? ` (${canary.announcedErrors} of them announced)` : "";
  return [
    `${stack} has its new size after ${seconds} s.`,
    `  rows     ${canary.acknowledged} acknowledged, ${canary.missing} missing`,
    `  clients  ${canary.errors} errors${announced}; 99 % of their waits within ${canary.p99StallMs} ms, the longest:`,
    ...canary.stalls.map(({ ms, step }) => `  wait     ${ms} ms${step ? ` during ${step}` : ""}`),
    ...(price.before !== null && price.after !== null
      ? [`  price    EUR ${price.before.toFixed(2)} -> ${price.after.toFixed(2)} a month`]
      : []),
    ...(pending.length > 0
      ? [`  waits    ${pending.length} restarts: npx phasewise rollout ${stack} --only restarts`]
      : []),
    ...canary.samples.map((sample) => `  ! ${sample}`),
  ].join("\n");
}
