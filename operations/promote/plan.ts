import type { PriceList } from "../../clients/hetzner/priceList.ts";
import { phaseNames } from "../../infra/blueprint.ts";
import type { Config } from "../../infra/config.ts";
import { type PlanDifference, planDifference } from "../../infra/hetzner/difference.ts";
import type { Plan } from "../../infra/hetzner/plan.ts";
import { hetznerPlan } from "../../infra/hetzner/plan.ts";
import { PriceError, priceOf } from "../../infra/hetzner/prices/price.ts";
import { type AvailablePhase, phases } from "../../infra/phases/available.ts";
import { promotionSteps } from "./steps.ts";

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
  return {
    stack,
    from,
    to,
    difference: planDifference(planBefore!, planAfter!),
    price: { before: monthly(planBefore!, prices), after: monthly(planAfter!, prices) },
    steps: promotionSteps(before, after).map(({ name, title, final = false }) => ({ name, title, final })),
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
export function planText({ difference, from, price, stack, steps, to }: PromotionPlan): string {
  const { changed, machines, roles, volumes } = difference;
  const list = (names: string[]) => names.join(", ");
  const added = [...machines.added, ...volumes.added.map((name) => `volume ${name}`)];
  const removed = [...machines.removed, ...volumes.removed.map((name) => `volume ${name} with its data`)];
  const row = (label: string, text: string) => `  ${label.padEnd(8)}${text}`;
  return [
    `${stack}: phase ${from} (${phaseNames[from]}) -> ${to} (${phaseNames[to]})`,
    ...(added.length > 0 ? [row("adds", list(added))] : []),
    ...(removed.length > 0 ? [row("removes", list(removed))] : []),
    ...roles.map((role) => row("changes", roleText(role))),
    ...changed.map((text) => row("changes", text)),
    row("price", `${amount(price.before)} -> ${amount(price.after)} a month`),
    "  steps (! from here on there is no way back but another promotion)",
    ...steps.map(({ final, title }, index) => `  ${final ? "!" : " "} ${index + 1}. ${title}`),
  ].join("\n");
}

function roleText({ added, machine, removed }: PlanDifference["roles"][number]): string {
  const parts = [...added.map((role) => `+${role}`), ...removed.map((role) => `-${role}`)];
  return `${machine}: ${parts.join(" ")}`;
}

function amount(euros: number | null): string {
  return euros === null ? "unknown" : `EUR ${euros.toFixed(2)}`;
}
