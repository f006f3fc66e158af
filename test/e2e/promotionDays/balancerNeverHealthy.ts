import { expect } from "vitest";
import { PORTS } from "../../../roles/paths.ts";
import { cut, mend } from "../faults.ts";
import type { Day } from "./day.ts";

export default {
  name: "the load balancer of phase 3 never finds its new gateway healthy: told which and why, and gone on with or taken back",
  async run(promotion) {
    const { stack } = promotion;
    await promotion.done("--to", "2");
    try {
      // As soon as there is such a machine: it must not have been found healthy before.
      const strike = () => stack.eventually(() => cut(stack, "core-2", { ports: [PORTS.pgbouncer] }));
      const outcome = await promotion.struckAt("[1/", strike, "--to", "3");
      promotion.expectTold(outcome);
      expect(outcome.stderr).toContain("gateways: core-2 is unhealthy on 6432");
      expect(outcome.stderr).toContain(`npx phasewise promote ${stack.name} --abort`);
    } finally {
      await mend(stack);
    }
    await promotion.resumed("--pause-before", "contract");
    await promotion.done("--abort");
    await promotion.done("--to", "1");
  },
} satisfies Day;
