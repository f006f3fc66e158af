import type { PriceList } from "../../clients/hetzner/priceList.ts";
import { type Blueprint, phaseNames } from "../../infra/blueprint.ts";
import type { Config } from "../../infra/config.ts";
import { type PlanDifference, planDifference } from "../../infra/hetzner/difference.ts";
import type { Plan } from "../../infra/hetzner/plan.ts";
import { hetznerPlan } from "../../infra/hetzner/plan.ts";
import { PriceError, priceOf } from "../../infra/hetzner/prices/price.ts";
import { type AvailablePhase, phases } from "../../infra/phases/available.ts";
import { promotionSteps } from "./steps/all.ts";

/** Euros a month without VAT; null where the price list does not say. */
export interface PriceChange {
  before: number | null;
  after: number | null;
}

/** What a promotion would do, before anything is done. */
export interface PromotionPlan {
  stack: string;
  from: AvailablePhase;
  to: AvailablePhase;
  difference: PlanDifference;
  price: PriceChange;
  /** Whether what is removed is protected against deletion: that is lifted, there and then. */
  lifts: boolean;
  /** As on the embedded cloud with nothing to copy; what is copied comes on top. */
  typicalSeconds: number;
  /** Members that copy the whole data. */
  copies: string[];
  /** `final`: from its beginning on, there is no way back but another promotion. */
  steps: { name: string; title: string; final: boolean }[];
}

export function promotionPlan(args: {
  stack: string;
  config: Config;
  from: AvailablePhase;
  to: AvailablePhase;
  prices: PriceList;
}): PromotionPlan {
  const { config, from, prices, stack, to } = args;
  const [before, after] = [phases[from](config), phases[to](config)];
  const [planBefore, planAfter] = [before, after].map((each) => hetznerPlan(each, config, stack));
  const steps = promotionSteps(before, after);
  const members = (blueprint: Blueprint) => blueprint.clusters.flatMap((cluster) => cluster.members);
  const difference = planDifference(planBefore!, planAfter!);
  return {
    stack,
    from,
    to,
    difference,
    price: { before: monthly(planBefore!, prices), after: monthly(planAfter!, prices) },
    lifts: config.deletionProtection && removals(difference).length > 0,
    typicalSeconds: steps.reduce((sum, step) => sum + step.typicalSeconds, 0),
    copies: members(after).filter((name) => !members(before).includes(name)),
    steps: steps.map(({ name, title, final = false }) => ({ name, title, final })),
  };
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
export function planText(plan: PromotionPlan): string {
  const { difference, from, lifts, price, stack, steps, to } = plan;
  const { changed, roles } = difference;
  const list = (names: string[]) => names.join(", ");
  const added = additions(difference);
  const removed = removals(difference);
  const row = (label: string, text: string) => `  ${label.padEnd(8)}${text}`;
  return [
    `${stack}: phase ${from} (${phaseNames[from]}) -> ${to} (${phaseNames[to]})`,
    ...(added.length > 0 ? [row("adds", list(added))] : []),
    ...(removed.length > 0 ? [row("removes", list(removed))] : []),
    ...(lifts ? [row("lifts", "the deletion protection of what it removes, there and nowhere else")] : []),
    ...roles.map((role) => row("changes", roleText(role))),
    ...changed.map((text) => row("changes", text)),
    row("price", `${amount(price.before)} -> ${amount(price.after)} a month`),
    row("takes", durationText(plan)),
    "  steps (! from here on there is no way back but another promotion)",
    ...steps.map(({ final, title }, index) => `  ${final ? "!" : " "} ${index + 1}. ${title}`),
  ].join("\n");
}

function additions({ loadBalancers, machines, networks, volumes }: PlanDifference): string[] {
  return [
    ...machines.added,
    ...volumes.added.map((name) => `volume ${name}`),
    ...loadBalancers.added.map((name) => `load balancer ${name}`),
    ...networks.added.map((name) => `subnet ${name}`),
  ];
}

function removals({ loadBalancers, machines, networks, volumes }: PlanDifference): string[] {
  return [
    ...machines.removed,
    ...volumes.removed.map((name) => `volume ${name} with its data`),
    ...loadBalancers.removed.map((name) => `load balancer ${name}`),
    ...networks.removed.map((name) => `subnet ${name}`),
  ];
}

function roleText({ added, machine, removed }: PlanDifference["roles"][number]): string {
  const parts = [...added.map((role) => `+${role}`), ...removed.map((role) => `-${role}`)];
  return `${machine}: ${parts.join(" ")}`;
}

/** What machines at Hetzner take to boot differs from day to day: no more is promised than was measured. */
function durationText({ copies, typicalSeconds }: PromotionPlan): string {
  const about = `about ${Math.ceil(typicalSeconds / 10) * 10} s on the embedded cloud with nothing to copy`;
  return copies.length > 0 ? `${about}, and the time to copy the data to ${copies.join(", ")}` : about;
}

function amount(euros: number | null): string {
  return euros === null ? "unknown" : `EUR ${euros.toFixed(2)}`;
}
