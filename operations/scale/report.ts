import type { Sizes } from "../../infra/phases/scaling.ts";
import type { PriceChange } from "../promote/plan.ts";
import { clientLines, type WatchedCanary } from "../rollout/clients.ts";
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
  canary: WatchedCanary;
  /** Restarts that wait since: PostgreSQL takes its share of more memory when it starts. */
  pending: Pending[];
}

/** For people. */
export function reportText({ canary, pending, price, seconds, stack }: ScaleReport): string {
  return [
    `${stack} has its new size after ${seconds} s.`,
    ...clientLines(canary),
    ...(price.before !== null && price.after !== null
      ? [`  price    EUR ${price.before.toFixed(2)} -> ${price.after.toFixed(2)} a month`]
      : []),
    ...(pending.length > 0
      ? [`  waits    ${pending.length} restarts: npx phasewise rollout ${stack} --only restarts`]
      : []),
    ...canary.samples.map((sample) => `  ! ${sample}`),
  ].join("\n");
}
