import { expect, it } from "vitest";
import { hetznerPlan } from "../../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../../infra/phases/available.ts";
import { config, faults } from "./settings.ts";

it("is measured unless it says no", () => {
  const planOf = (change: Record<string, unknown>) =>
    hetznerPlan(blueprintOf(config(change)), config(change), "production").metrics;
  expect(planOf({})).toEqual({ peers: [] });
  expect(planOf({ "phasewise:metrics": { enabled: false } })).toBeNull();
  expect(planOf({ "phasewise:metrics": { peers: ["10.0.2.50/32"] } })).toEqual({ peers: ["10.0.2.50/32"] });
});

it("is asked from the private network only", () => {
  const fix =
    "attach the machine that measures to the stack's network and write its private address, as 10.0.2.50/32";
  const allowed = "ranges in the stack's private network, 10.0.0.0/16: metrics are given there only";
  expect(
    faults({ "phasewise:metrics": { peers: ["10.0.2.50/32", "203.0.113.7/32", "10.0.0.0/8"] } }),
  ).toEqual([
    `phasewise:metrics.peers[1]: "203.0.113.7/32" | ${allowed} | ${fix}`,
    `phasewise:metrics.peers[2]: "10.0.0.0/8" | ${allowed} | ${fix}`,
  ]);
});
