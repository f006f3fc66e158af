import { expect } from "vitest";
import type { Day } from "./day.ts";

export default {
  name: "Ctrl-C in one step after the other: recorded, no lock left behind, gone on with at once",
  async run(promotion) {
    const { name } = promotion.stack;
    let args = ["--to", "2"];
    for (const step of [1, 2, 4, 6, 7]) {
      const interrupt = async (pid: number) => void process.kill(pid, "SIGINT");
      const { code, stderr } = await promotion.struckAt(`[${step}/`, interrupt, ...args);
      expect(code, stderr).toBe(130);
      expect(stderr).toContain("Interrupted.");
      expect(stderr).toContain(`npx phasewise promote ${name} --resume   goes on`);
      expect(stderr).not.toContain("waiting for the lock");
      args = ["--resume"];
    }
    expect((await promotion.done("--abort")).canary.errors).toBe(0);
  },
} satisfies Day;
