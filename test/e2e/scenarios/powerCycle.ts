import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { powerOff } from "../failover.ts";
import { tell, Writers } from "../writers.ts";
import { expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/** The order in which machines come back; each turn another one begins. */
function rotated<T>(values: T[], by: number): T[] {
  const start = by % values.length;
  return [...values.slice(start), ...values.slice(0, start)];
}

export default {
  name: "all machines lose their power and get it again, one after the other: everything comes back by itself",
  phases: [2, 3],
  async run(scene) {
    const { stack } = scene;
    await leaderOf(scene);
    await using writers = await Writers.start(stack);
    const servers = (await stack.servers()).map(({ id }) => id);
    const order = rotated(servers, Math.floor(Date.now() / 60_000));
    await Promise.all(order.map((id) => powerOff(stack, id)));
    writers.strike();
    await sleep(2000);
    for (const id of [...order].reverse()) {
      await stack.api("POST", `/servers/${id}/actions/poweron`);
      await sleep(1000);
    }
    const back = performance.now();
    expect(await writers.recovered(120_000)).toBe(true);
    const seconds = ((performance.now() - back) / 1000).toFixed(1);
    const observed = await writers.stop();
    tell(`all machines off and on again, every way open ${seconds} s after the last one was on`, observed);
    expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
