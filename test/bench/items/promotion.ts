import { Stack } from "../../e2e/stack.ts";
import type { Item } from "../item.ts";
import type { Figure } from "../measure.ts";

interface Promotion {
  seconds: number;
  canary: { missing: number; errors: number; worstStallMs: number };
}

/** Phase 1 to 2 and 2 to 3 on an empty database; a stack of its own. */
export const measure: Item = async (bench) => {
  const stack = new Stack("bench-promotion");
  try {
    await stack.reset();
    await stack.up();
    await stack.backedUp();
    const figures: Figure[] = [];
    for (const to of [2, 3]) {
      bench.progress(`promotion from phase ${to - 1} to phase ${to}`);
      const promotion = await stack.json<Promotion>("promote", stack.name, "--to", String(to), "--yes");
      const { errors, missing } = promotion.canary;
      if (errors + missing > 0) throw new Error(`the promotion: ${missing} rows missing, ${errors} errors`);
      figures.push({
        name: `promotion from phase ${to - 1} to ${to}, an empty database`,
        values: [promotion.seconds],
        unit: "s",
        goal: { atMost: 60, of: "value" },
      });
    }
    return figures;
  } finally {
    await stack.remove();
  }
};
