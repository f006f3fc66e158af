import { expect } from "vitest";
import { PORTS } from "../../../roles/paths.ts";
import { cutOff } from "../cutOff.ts";
import { expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/**
 * The members still reach each other: the primary asks them all whether it may go on (failsafe mode), so those that
 * do reach etcd know that it lives, although its key has run out.
 */
export default {
  name: "the primary reaches no other member of etcd: it goes on with all members' consent, and nobody else leads",
  phases: [2, 3],
  async run(scene) {
    const old = await leaderOf(scene);
    const ports = [PORTS.etcdClient, PORTS.etcdPeer];
    const observed = await cutOff(scene, old, { ports }, 45_000);
    expect(observed.reigns).toHaveLength(1);
    expect(observed.missing).toBe(0);
    expect(observed.longestGapMs).toBeLessThan(15_000);
    await expectHealed(scene);
  },
} satisfies Scenario;
