import { expect } from "vitest";
import { members } from "./failover.ts";
import { databases, expectHealed, leaderOf, type Scenario } from "./scenarios/scenario.ts";

interface Report {
  rtoSeconds: number;
}

/** `drill --lose` on a stack with standbys: what the operator's command itself measures and judges. */
export function drilled(loss: "machine" | "volume", name: string): Scenario {
  return {
    name,
    phases: [2, 3],
    async run(scene) {
      const { durability, stack } = scene;
      const before = await leaderOf(scene);
      const report = await stack.json<Report>("drill", stack.name, "--lose", loss, "--yes");
      process.stderr.write(`drill --lose ${loss} in phase ${scene.phase}: ${JSON.stringify(report)}\n`);
      expect(report).toMatchObject({ ok: true, lost: loss });
      if (durability === "sync") expect(report).toMatchObject({ rowsMissing: 0, rpoSeconds: 0 });
      // A failover, not the hour that a restore may take.
      expect(report.rtoSeconds).toBeLessThan(60);
      expect(await leaderOf(scene)).not.toBe(before);
      const all = await members(stack);
      expect(all).toHaveLength(databases(scene));
      expect(all.map((member) => member.name)).toContain(before);
      await expectHealed(scene);
    },
  };
}
