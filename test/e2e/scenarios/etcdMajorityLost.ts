import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { tell, Writers } from "../writers.ts";
import { expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/** Nobody may lead without a majority of votes but a primary that every other member answers (failsafe mode). */
export default {
  name: "etcd loses two of three members: writes go on while all databases are there, stop when one is not, and come back",
  phases: [2, 3],
  async run(scene) {
    const { stack } = scene;
    const primary = await leaderOf(scene);
    const standby = primary === "db-1" ? "db-2" : "db-1";
    const control = (machine: string, command: string) =>
      stack.expectOk("ssh", stack.name, machine, "--", `systemctl ${command}`);
    const votes = ["core-1", standby];
    await using writers = await Writers.start(stack);
    await Promise.all(votes.map((machine) => control(machine, "stop etcd.service")));
    let closedAfter: number;
    try {
      // The key's time to live, twice.
      await sleep(40_000);
      writers.strike();
      expect(await writers.recovered(10_000)).toBe(true);
      const going = performance.now();
      await control(standby, "stop patroni.service");
      // Longer than a primary waits for a synchronous standby that is gone.
      do await sleep(250);
      while (performance.now() - writers.last!.at < 16_000 && performance.now() - going < 60_000);
      closedAfter = writers.last!.at - going;
      expect(performance.now() - writers.last!.at).toBeGreaterThan(15_000);
    } finally {
      writers.strike();
      await Promise.all(votes.map((machine) => control(machine, "start etcd.service")));
      await control(standby, "start patroni.service");
    }
    expect(await writers.recovered()).toBe(true);
    const observed = await writers.stop();
    const seconds = (closedAfter / 1000).toFixed(1);
    const open = (Math.max(...observed.recoveredMs.map((each) => each ?? 0)) / 1000).toFixed(1);
    tell(
      `etcd without a majority, closed ${seconds} s after a database went too, open ${open} s after the votes came back`,
      observed,
    );
    expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
