import { cpSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { expect } from "vitest";
import type { Day, Result } from "./day.ts";

const root = resolve(import.meta.dirname, "../../..");
const elsewhere = "/var/tmp/phasewise-test/promotion-bad-days-elsewhere";

async function checkOut(): Promise<void> {
  rmSync(elsewhere, { recursive: true, force: true });
  const tracked = await execa("git", ["ls-files"], { cwd: root });
  for (const file of tracked.stdout.split("\n")) cpSync(join(root, file), join(elsewhere, file));
  symlinkSync(join(root, "node_modules"), join(elsewhere, "node_modules"));
}

export default {
  name: "another operator goes on from another checkout, and the first one's file is not taken for the truth",
  async run(promotion) {
    const { stack } = promotion;
    const file = join(elsewhere, "stacks", `Pulumi.${stack.name}.yaml`);
    try {
      await promotion.done("--to", "2", "--pause-before", "cut-over");
      await checkOut();
      cpSync(stack.file, file);
      const command = ["bin/phasewise.mjs", ...promotion.command("--resume")];
      const there = await execa(process.execPath, command, { cwd: elsewhere, env: stack.env });
      expect((JSON.parse(there.stdout) as Result).canary).toMatchObject({ missing: 0, errors: 0 });
      const stale = await stack.run(...promotion.command("--to", "1"));
      expect(stale.code).toBe(2);
      expect(stale.stderr).toContain("says phase 1, but the stack is in phase 2");
      cpSync(file, stack.file);
      await promotion.done("--to", "1");
    } finally {
      rmSync(elsewhere, { recursive: true, force: true });
    }
  },
} satisfies Day;
