import { describe, expect, it, test } from "vitest";
import { changeFaults, deployedFrom } from "../../../infra/changes.ts";
import { planDifference } from "../../../infra/hetzner/difference.ts";
import { hetznerPlan } from "../../../infra/hetzner/plan.ts";
import { type AvailablePhase, availablePhases } from "../../../infra/phases/available.ts";
import { type Stage, stagedBlueprint } from "../../../infra/phases/stage.ts";
import { config } from "./settings.ts";

const golden = (name: string) => `../../../test/unit/infra/golden/${name}.json`;
const print = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

function planOf(phase: AvailablePhase, stage?: Stage) {
  const settings = config({ "phasewise:phase": phase });
  return hetznerPlan(stagedBlueprint(settings, stage), settings, "production");
}

/** Every step to a neighbouring phase, up and down. */
const steps = availablePhases.flatMap((from) =>
  availablePhases.filter((to) => Math.abs(to - from) === 1).map((to) => ({ from, to })),
);

describe.each(steps)("from phase $from to $to", ({ from, to }) => {
  const expanded = planOf(from, { from, to, state: "expanded" });
  const [before, after] = [planOf(from), planOf(to)];

  it("differs as stored", async () => {
    const stored = {
      expand: planDifference(before, expanded),
      between: { consensus: expanded.consensus, clusters: expanded.clusters.map(membership) },
      contract: planDifference(expanded, after),
      whole: planDifference(before, after),
    };
    await expect(print(stored)).toMatchFileSnapshot(golden(`growth-${from}-to-${to}`));
  });

  it("takes nothing away before everything new is there", () => {
    for (const { added: _, removed } of [
      planDifference(before, expanded).machines,
      planDifference(before, expanded).volumes,
    ])
      expect(removed).toEqual([]);
    expect(planDifference(before, expanded).roles.flatMap((role) => role.removed)).toEqual([]);
    expect(planDifference(expanded, after).machines.added).toEqual([]);
    expect(planDifference(expanded, after).roles.flatMap((role) => role.added)).toEqual([]);
  });

  it("is the new phase once it is contracted", () => {
    expect(planOf(from, { from, to, state: "contracted" })).toEqual(after);
  });
});

function membership({ members, joining, gateways }: ReturnType<typeof planOf>["clusters"][number]) {
  return { members, joining, gateways };
}

test("in each phase an odd number of nodes votes, and losing one leaves a majority where there are several", () => {
  for (const phase of availablePhases) {
    const { members, joining } = planOf(phase).consensus;
    expect(members.length % 2, `phase ${phase}`).toBe(1);
    expect(members.length === 1 || members.length >= 3).toBe(true);
    expect(joining).toEqual([]);
  }
});

test("nothing else is done to a stack while its promotion is under way", () => {
  const deployed = { ...deployedFrom(config(), "production"), transition: { from: 1, to: 2 } };
  expect(changeFaults(deployed, config()).map(({ found, fix }) => `${found} | ${fix}`)).toEqual([
    "a promotion from phase 1 to phase 2 that has not ended | run npx phasewise promote production --resume, or npx phasewise promote production --abort",
  ]);
});
