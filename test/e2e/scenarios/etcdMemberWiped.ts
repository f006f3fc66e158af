import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { ETCD_DATA } from "../../../roles/paths.ts";
import { tell, Writers } from "../writers.ts";
import { expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/** The member with the primary beside it, and the one that keeps the store's lead. */
export default {
  name: "members of etcd lose all their data, one after the other: each takes a new place by itself, and writes go on",
  phases: [2, 3],
  async run(scene) {
    const { stack } = scene;
    const primary = await leaderOf(scene);
    const voters = ["core-1", primary === "db-3" ? "db-1" : primary];
    await using writers = await Writers.start(stack);
    for (const voter of voters) {
      const lose = `systemctl stop etcd && rm -rf ${ETCD_DATA}/member && systemctl start etcd`;
      await stack.expectOk("ssh", stack.name, voter, "--", lose);
      await stack.eventually(async () => {
        const faults = (await stack.verify()).checks.filter(({ name, ok }) => name === "etcd" && !ok);
        expect(faults).toEqual([]);
      });
    }
    await sleep(1000);
    const observed = await writers.stop();
    tell("two members of etcd lost their data", observed);
    expect(observed.missing).toBe(0);
    expect(observed.reigns).toHaveLength(1);
    expect(observed.longestGapMs).toBeLessThan(15_000);
    await expectHealed(scene);
  },
} satisfies Scenario;
