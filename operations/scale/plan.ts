import { z } from "zod";
import type { PriceList } from "../../clients/hetzner/priceList.ts";
import { describe, type Fault } from "../../infra/config/fault.ts";
import type { Config } from "../../infra/config.ts";
import { findServerType } from "../../infra/hetzner/catalogue.ts";
import { type PlanDifference, planDifference } from "../../infra/hetzner/difference.ts";
import { hetznerPlan, type Plan } from "../../infra/hetzner/plan.ts";
import { PriceError, priceOf } from "../../infra/hetzner/prices/price.ts";
import { blueprintOf } from "../../infra/phases/available.ts";
import { type Sizes, sizesOf, withSizes } from "../../infra/phases/scaling.ts";
import type { Topology } from "../../infra/topology.ts";
import type { PriceChange } from "../promote/plan.ts";
import { noticeOf, roleOf } from "../rollout/plan.ts";
import { inOrder } from "../rollout/work.ts";
import { scaleSteps } from "./steps.ts";

const sizes = z.object({ replicas: z.number(), serverType: z.string(), volumeGb: z.number() });

/** What a journal keeps of a change of size. */
export const scaleRequest = z.object({
  from: sizes,
  to: sizes,
  /** What was asked for. */
  changed: sizes.partial(),
  /** Machines that get another type, in their order. */
  resize: z.array(z.string()),
});

export type ScaleRequest = z.infer<typeof scaleRequest>;

/** What a change of size would do, before anything is done. */
export interface ScalePlan {
  stack: string;
  from: Sizes;
  to: Sizes;
  difference: PlanDifference;
  price: PriceChange;
  /** What clients notice, by machine. */
  notices: { machine: string; notice: string }[];
  steps: { name: string; title: string; final: boolean }[];
}

/** What cannot be, beside what `up` refuses as well; all of it at once. */
export function scaleFaults(
  config: Config,
  changed: { [Key in keyof Sizes]?: Sizes[Key] | undefined },
): Fault[] {
  const faults: Fault[] = [];
  const now = sizesOf(config);
  if (changed.replicas !== undefined && config.phase < 3) {
    faults.push({
      path: "--replicas",
      found: describe(changed.replicas),
      allowed: "a stack in phase 3 or later: before that nobody reads from standbys of their own",
      fix: "run npx phasewise promote first",
    });
  }
  const [before, after] = [now.serverType, changed.serverType ?? now.serverType].map(findServerType);
  if (before && after && after.memoryGb < before.memoryGb) {
    faults.push({
      path: "--server-type",
      found: `"${after.name}" (${after.memoryGb} GB)`,
      allowed: `types with ${before.memoryGb} GB of memory or more: PostgreSQL's share of it would not start in less`,
      fix: "restore a backup into a new stack of that size",
    });
  }
  return faults;
}

/** @param leaders Names of the machines that are primaries now. */
export function requestOf(
  topology: Topology,
  config: Config,
  changed: Partial<Sizes>,
  leaders: string[],
): ScaleRequest {
  const from = sizesOf(config);
  const to = { ...from, ...changed };
  const kept = new Set(blueprintOf(withSizes(config, to)).nodes.map(({ name }) => name));
  const standing = (machine: string) => ({
    leads: leaders.includes(machine) && roleOf(topology, machine).replicated,
    replicated: roleOf(topology, machine).replicated,
  });
  const resize = topology.machines.filter(
    ({ name, serverType }) => kept.has(name) && serverType !== to.serverType,
  );
  return {
    from,
    to,
    changed,
    resize: inOrder(
      resize.map(({ name }) => ({ machine: name })),
      standing,
    ).map(({ machine }) => machine),
  };
}

export function scalePlan(
  topology: Topology,
  config: Config,
  request: ScaleRequest,
  prices: PriceList,
): ScalePlan {
  const { from, resize, to } = request;
  const { stack } = topology;
  const [before, after] = [from, to].map((size) => {
    const sized = withSizes(config, size);
    return hetznerPlan(blueprintOf(sized), sized, stack);
  }) as [Plan, Plan];
  return {
    stack,
    from,
    to,
    difference: planDifference(before, after),
    price: { before: monthly(before, prices), after: monthly(after, prices) },
    notices: resize.flatMap((machine) => {
      const work = {
        machine,
        since: 0,
        bootId: "",
        security: [],
        packages: [],
        restarts: [],
        reboot: "another type",
      };
      const notice = noticeOf(topology, work);
      return notice === null ? [] : [{ machine, notice }];
    }),
    steps: stepsOf(config, request).map(({ final = false, name, title }) => ({ name, title, final })),
  };
}

/** @param config Of any size. */
export function stepsOf(config: Config, { from, resize, to }: ScaleRequest) {
  const [before, after] = [from, to].map((size) => blueprintOf(withSizes(config, size)));
  return scaleSteps({ before: before!, after: after!, resize });
}

function monthly(plan: Plan, prices: PriceList): number | null {
  try {
    return priceOf(plan, prices).monthly;
  } catch (error) {
    if (error instanceof PriceError) return null;
    throw error;
  }
}

/** For people. */
export function planText({ difference, notices, price, stack, steps }: ScalePlan): string {
  const { changed, machines } = difference;
  const list = (label: string, names: string[]) =>
    names.length > 0 ? [`  ${label.padEnd(8)}${names.join(", ")}`] : [];
  return [
    `${stack}: another size`,
    ...list("adds", machines.added),
    ...list("removes", machines.removed),
    ...changed.map((line) => `  changes ${line}`),
    ...(price.before !== null && price.after !== null
      ? [`  price   EUR ${price.before.toFixed(2)} -> ${price.after.toFixed(2)} a month`]
      : []),
    ...notices.map(({ machine, notice }) => `  !       ${machine}: ${notice}`),
    ...steps.map(
      ({ final, title }, index) => `  ${String(index + 1).padStart(2)}. ${title}${final ? " !" : ""}`,
    ),
  ].join("\n");
}
