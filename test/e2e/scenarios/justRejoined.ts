import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { members, powerOff, serverId } from "../failover.ts";
import { tell, Writers } from "../writers.ts";
import { expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/** It may lead from the moment in which Patroni has written down that it has everything, and not before. */
export default {
  name: "the primary is lost in the moment in which its standby has come back: nothing acknowledged is lost",
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
    await stack.api("POST", `/servers/${first}/actions/poweron`);
    await stack.eventually(async () => {
      expect((await members(stack)).find(({ name }) => name === standby)?.state).toBe("streaming");
    });
    await powerOff(stack, second);
    writers.strike();
    const alone = await writers.recovered(45_000);
    await stack.api("POST", `/servers/${second}/actions/poweron`);
    expect(await writers.recovered()).toBe(true);
    await sleep(2000);
    const observed = await writers.stop();
    tell(
      `the primary lost as its standby came back, which ${alone ? "took over" : "did not lead"}`,
      observed,
    );
    expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
