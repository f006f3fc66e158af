import { expect } from "vitest";
import { expectHealed, leaderOf, type Scenario } from "./scenario.ts";

interface Report {
  ok: boolean;
  rtoSeconds: number;
  rpoSeconds: number;
  rowsMissing: number;
  checks: { name: string; ok: boolean; detail: string }[];
}

/** The backup that a standby made, on a machine of its own beside those of the stack. */
const scenario: Scenario = {
  name: "a drill restores the newest backup to a throw-away machine, and the stack goes on",
  phases: [2, 3],
  async run(scene) {
    const { stack } = scene;
    await stack.backedUp();
    const leader = await leaderOf(scene);
    const before = await stack.servers();
    const report = await stack.json<Report>("drill", stack.name);
    process.stderr.write(`drill in phase ${scene.phase}: ${JSON.stringify(report)}\n`);
    expect(report).toMatchObject({ ok: true, rowsMissing: 0 });
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.rtoSeconds).toBeLessThan(120);
    // The throw-away machine is gone, and nobody led instead of the leader.
    expect((await stack.servers()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    expect(await leaderOf(scene)).toBe(leader);
    await expectHealed(scene);
  },
};

export default scenario;
