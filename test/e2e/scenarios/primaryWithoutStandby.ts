import { expect } from "vitest";
import { cutOff } from "../cutOff.ts";
import { members } from "../failover.ts";
import { expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/** Its key in etcd is safe, so it stays the primary; where it is synchronous, another standby has to be found, or none. */
export default {
  name: "the primary is cut off from the standby it waits for: it stays, and writes go on without that one",
  phases: [2, 3],
  async run(scene) {
    const primary = await leaderOf(scene);
    const others = (await members(scene.stack)).filter(({ name }) => name !== primary);
    const standby = others.find(({ role }) => role === "sync_standby") ?? others[0]!;
    const observed = await cutOff(scene, primary, { towards: [standby.name] });
    expect(observed.reigns).toHaveLength(1);
    expect(observed.missing).toBe(0);
    expect(observed.longestGapMs).toBeLessThan(25_000);
    await expectHealed(scene);
  },
} satisfies Scenario;
