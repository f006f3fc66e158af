import { expect } from "vitest";
import { cutOff } from "../cutOff.ts";
import { addressOf, expectHealed, leaderOf, type Scenario } from "./scenario.ts";

export default {
  name: "the primary is cut off from everybody: another one takes over, and the old one never acknowledges again",
  phases: [2, 3],
  async run(scene) {
    const old = await leaderOf(scene);
    const observed = await cutOff(scene, old, {});
    expect(observed.reigns).toHaveLength(2);
    expect(observed.reigns[0]!.server).toBe(addressOf(old));
    expect(observed.longestGapMs).toBeLessThan(45_000);
    if (scene.durability === "sync") expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
