import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { newcomers } from "../cutOff.ts";
import { signalMain } from "../faults.ts";
import { tell, Writers } from "../writers.ts";
import { addressOf, expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/** PostgreSQL takes writes all the while: nothing but the gateways keeps clients from it once another one leads. */
export default {
  name: "Patroni alone stands still on the primary: the gateways leave it before another one leads",
  phases: [2, 3],
  async run(scene) {
    const { durability, stack } = scene;
    const old = await leaderOf(scene);
    await using writers = await Writers.start(stack);
    await signalMain(stack, old, "patroni.service", "STOP");
    try {
      const deadline = performance.now() + 60_000;
      while (writers.last?.server === addressOf(old) && performance.now() < deadline) await sleep(50);
      await sleep(2000);
    } finally {
      await signalMain(stack, old, "patroni.service", "CONT");
    }
    await newcomers(stack, writers);
    await sleep(8000);
    const observed = await writers.stop();
    tell("Patroni frozen and thawed", observed);
    expect(observed.reigns).toHaveLength(2);
    expect(observed.longestGapMs).toBeLessThan(45_000);
    if (durability === "sync") expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
