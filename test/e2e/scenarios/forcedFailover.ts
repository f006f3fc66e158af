import { expect } from "vitest";
import { freeze, thaw } from "../faults.ts";
import { tell, Writers } from "../writers.ts";
import { addressOf, expectHealed, leaderOf, type Scenario } from "./scenario.ts";

interface Report {
  from: string | null;
  to: string;
  seconds: number;
}

/** An operator does not wait for Patroni, or does not know whether it will act: the command does no harm, and says who leads. */
export default {
  name: "failover is asked for while the primary stands still: another one leads, and nobody else does afterwards",
  phases: [2, 3],
  async run(scene) {
    const { durability, stack } = scene;
    const old = await leaderOf(scene);
    await using writers = await Writers.start(stack);
    await freeze(stack, old);
    let report: Report;
    try {
      writers.strike();
      report = await stack.json<Report>("failover", stack.name, "--yes");
      expect(await writers.recovered()).toBe(true);
    } finally {
      await thaw(stack, old);
    }
    const observed = await writers.stop();
    tell(`failover by command, primary frozen, done after ${report.seconds} s`, observed);
    expect(report.to).not.toBe(old);
    expect(observed.reigns.map(({ server }) => server)).toEqual([addressOf(old), addressOf(report.to)]);
    if (durability === "sync") expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
