import { beforeAll, describe, expect, it } from "vitest";
import { planDifference } from "../../infra/hetzner/difference.ts";
import { hetznerPlan } from "../../infra/hetzner/plan.ts";
import { type AvailablePhase, availablePhases, blueprintOf } from "../../infra/phases/available.ts";
import { leavingResources } from "../../operations/deploy/leaving.ts";
import type { State } from "../../operations/deploy/state.ts";
import { config } from "../unit/infra/settings.ts";
import { type Registered, run } from "./mocks.ts";

const settings = {
  "hcloud:token": "t".repeat(64),
  "phasewise:environment": "production",
  "phasewise:access": '{"operators":["203.0.113.7/32"],"database":["203.0.113.16/28"]}',
  "phasewise:objectStorage": '{"bucket":"acme","accessKey":"a","secretKey":"s"}',
};

async function declared(phase: number): Promise<Registered[]> {
  const { program } = await import("../../infra/program.ts");
  const { registered } = await run(() => program(), {
    stack: "production",
    config: { ...settings, "phasewise:phase": String(phase) },
    secrets: ["hcloud:token", "phasewise:objectStorage"],
  });
  return registered;
}

function urnOf({ name, parent, type }: Registered): string {
  const above = parent.split("::")[2];
  const within = above && above !== "pulumi:pulumi:Stack" ? `${above}$` : "";
  return `urn:pulumi:production::phasewise::${within}${type}::${name}`;
}

const stateOf = (registered: Registered[]): State => ({
  resources: registered.map((each) => ({
    urn: urnOf(each),
    type: each.type,
    parent: each.parent,
    protect: each.protect,
  })),
  pending: [],
});

const plan = (phase: AvailablePhase) => {
  const asked = config({ "phasewise:phase": phase });
  return hetznerPlan(blueprintOf(asked), asked, "production");
};

describe("what a smaller phase does not have", () => {
  const all = new Map<number, Registered[]>();
  beforeAll(async () => {
    for (const phase of availablePhases) all.set(phase, await declared(phase));
  });

  it.each([
    [3, 2],
    [2, 1],
    [3, 1],
  ] as const)(
    "is all that leaves from phase %i to %i: protected or not, and nothing else that is protected",
    (from, to) => {
      const before = stateOf(all.get(from)!);
      const kept = new Set(all.get(to)!.map(urnOf));
      const leaving = leavingResources(before, planDifference(plan(from), plan(to)));
      expect(leaving.filter(({ urn }) => kept.has(urn))).toEqual([]);
      const held = (resources: State["resources"]) =>
        resources.filter(({ protect }) => protect).map(({ urn }) => urn);
      const gone = before.resources.filter(({ urn }) => !kept.has(urn));
      expect(held(leaving)).toEqual(held(gone));
      expect(held(leaving).length).toBeGreaterThan(4);
    },
  );

  it("is nothing where nothing leaves", () => {
    expect(leavingResources(stateOf(all.get(2)!), planDifference(plan(1), plan(2)))).toEqual([]);
  });
});
