import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { powerOff, serverId } from "../failover.ts";
import { tell, Writers } from "../writers.ts";
import { addressOf, expectHealed, leaderOf, type Scenario } from "./scenario.ts";

export default {
  name: "the only standby is lost, the primary goes on alone and is lost too: the standby, back first, does not lead",
  phases: [2],
  durability: "sync",
  async run(scene) {
    const { stack } = scene;
    const primary = await leaderOf(scene);
    const standby = primary === "db-1" ? "db-2" : "db-1";
    const [first, second] = [await serverId(stack, standby), await serverId(stack, primary)];
    await using writers = await Writers.start(stack);
    await powerOff(stack, first);
    writers.strike();
    expect(await writers.recovered()).toBe(true);
    await sleep(2000);
    await powerOff(stack, second);
    const lost = performance.now();
    await stack.api("POST", `/servers/${first}/actions/poweron`);
    await sleep(35_000);
    expect(writers.last!.at).toBeLessThan(lost);
    await stack.api("POST", `/servers/${second}/actions/poweron`);
    writers.strike();
    expect(await writers.recovered()).toBe(true);
    expect(writers.last!.server).toBe(addressOf(primary));
    const observed = await writers.stop();
    tell("the standby lost, then the primary that went on alone", observed);
    expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
