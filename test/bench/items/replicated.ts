import { setTimeout as sleep } from "node:timers/promises";
import { memoryUsed } from "../../e2e/failover.ts";
import { Stack } from "../../e2e/stack.ts";
import type { Item } from "../item.ts";

/** Phase 3 from nothing, and what its seven machines hold of memory when nobody uses them. */
export const measure: Item = async (bench) => {
  const stack = new Stack("bench-replicated");
  try {
    await stack.reset();
    stack.configure({ "phasewise:phase": 3 });
    bench.progress("up of phase 3 from nothing");
    const { seconds } = await stack.up();
    bench.progress("idle memory, after half a minute of rest");
    await sleep(30_000);
    return [
      { name: "up of phase 3 from nothing", values: [seconds], unit: "s", goal: { atMost: 60, of: "value" } },
      {
        name: "phase 3 idle, memory of all machines",
        values: [await memoryUsed(stack)],
        unit: "MB",
        goal: { atMost: 3072, of: "value" },
      },
    ];
  } finally {
    await stack.remove();
  }
};
