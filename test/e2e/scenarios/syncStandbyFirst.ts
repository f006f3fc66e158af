import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { members, powerOff, serverId } from "../failover.ts";
import { tell, Writers } from "../writers.ts";
import { addressOf, expectHealed, leaderOf, type Scenario } from "./scenario.ts";

export default {
  name: "the synchronous standby is lost, then the primary: nobody leads who lacks an acknowledged row",
  phases: [2, 3],
  durability: "sync",
  // Right after another failover the standby that came back did not lead within 90 s, in one of four runs: why is not known.
  untried: true,
  async run(scene) {
    const { stack } = scene;
    const primary = await leaderOf(scene);
    const standby = (await members(stack)).find(({ role }) => role === "sync_standby")!.name;
    const ids = [await serverId(stack, standby), await serverId(stack, primary)] as const;
    await using writers = await Writers.start(stack);
    // Both at once: nobody has time to become the synchronous standby in its place.
    await Promise.all(ids.map((id) => powerOff(stack, id)));
    writers.strike();
    const lost = performance.now();
    await sleep(35_000);
    expect(writers.last!.at).toBeLessThan(lost);
    await stack.api("POST", `/servers/${ids[0]}/actions/poweron`);
    expect(await writers.recovered()).toBe(true);
    expect(writers.last!.server).toBe(addressOf(standby));
    await stack.api("POST", `/servers/${ids[1]}/actions/poweron`);
    const observed = await writers.stop();
    tell("synchronous standby and primary lost, the standby back", observed);
    expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
