import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { newcomers } from "../cutOff.ts";
import { freeze, thaw } from "../faults.ts";
import { tell, Writers } from "../writers.ts";
import { addressOf, expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/**
 * No watchdog resets the machine here, so the gateways are all that stands between clients and a primary that wakes
 * up and does not know yet that it has been replaced.
 */
export default {
  name: "the primary's machine stands still until it is replaced, and goes on: no client ever reaches it again",
  phases: [2, 3],
  async run(scene) {
    const { durability, stack } = scene;
    const old = await leaderOf(scene);
    await using writers = await Writers.start(stack);
    await freeze(stack, old);
    try {
      writers.strike();
      expect(await writers.recovered()).toBe(true);
      await sleep(2000);
    } finally {
      await thaw(stack, old);
    }
    // New connections are what a gateway might still lead to the wrong one.
    await newcomers(stack, writers);
    await sleep(8000);
    const observed = await writers.stop();
    tell("the primary frozen and thawed", observed);
    expect(observed.reigns.map(({ server }) => server)).toHaveLength(2);
    expect(observed.reigns[0]!.server).toBe(addressOf(old));
    expect(observed.longestGapMs).toBeLessThan(45_000);
    if (durability === "sync") expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
