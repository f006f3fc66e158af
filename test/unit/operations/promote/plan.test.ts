import { describe, expect, it } from "vitest";
import { storedPriceList } from "../../../../clients/hetzner/priceList.ts";
import { availablePhases } from "../../../../infra/phases/available.ts";
import { planText, promotionPlan } from "../../../../operations/promote/plan.ts";
import { config } from "../../infra/settings.ts";

const prices = storedPriceList("hetzner");
const ways = availablePhases.flatMap((from) =>
  availablePhases.filter((to) => Math.abs(from - to) === 1).map((to) => ({ from, to })),
);

const planOf = (change: Record<string, unknown>, way: (typeof ways)[number]) => {
  const settings = config({ "phasewise:phase": way.from, "phasewise:redis": { enabled: true }, ...change });
  return promotionPlan({ stack: "production", config: settings, ...way, prices });
};

describe.each(ways)("the plan from phase $from to $to", ({ from, to }) => {
  const plan = planOf({}, { from, to });

  it("reads as stored", async () => {
    const file = `../../../../test/unit/operations/promote/golden/plan-${from}-${to}.txt`;
    await expect(`${planText(plan)}\n`).toMatchFileSnapshot(file);
  });

  it("costs more on the way up and less on the way down, and back the same", () => {
    const back = planOf({}, { from: to, to: from });
    expect(plan.price.after! > plan.price.before!).toBe(to > from);
    expect(back.price).toEqual({ before: plan.price.after, after: plan.price.before });
  });

  it("lifts a protection only where there is one, and something is removed", () => {
    expect(plan.lifts).toBe(to < from);
    expect(planOf({ "phasewise:deletionProtection": false }, { from, to }).lifts).toBe(false);
  });
});
