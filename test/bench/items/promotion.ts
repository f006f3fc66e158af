import { Stack } from "../../e2e/stack.ts";
import { Writer } from "../../e2e/writer.ts";
import type { Item } from "../item.ts";

/** Clients that write all the time while the primary moves. */
const CLIENTS = 8;

interface Promotion {
  seconds: number;
  canary: { missing: number; errors: number };
}

/** Phase 1 to phase 2 on an empty database, then planned moves of the primary under clients; a stack of its own. */
export const measure: Item = async (bench) => {
  const stack = new Stack("bench-promotion");
  try {
    await stack.reset();
    await stack.up();
    bench.progress("promotion from phase 1 to phase 2");
    const promotion = await stack.json<Promotion>("promote", stack.name, "--to", "2", "--yes");
    const { errors, missing } = promotion.canary;
    if (errors + missing > 0) throw new Error(`the promotion: ${missing} rows missing, ${errors} errors`);
    await stack.sql("CREATE TABLE numbered (number bigint)");
    await stack.sql("GRANT INSERT ON numbered TO PUBLIC");
    const { url } = await stack.json<{ url: string }>("url", stack.name, "--show-secrets");
    const stalls = await bench.repeat(async (run) => {
      bench.progress(`switchover under ${CLIENTS} clients, ${run + 1} of ${bench.runs}`);
      return stallOfMove(stack, url);
    });
    return [
      {
        name: "promotion from phase 1 to 2, an empty database",
        values: [promotion.seconds],
        unit: "s",
        goal: { atMost: 60, of: "value" },
      },
      {
        name: `worst wait of ${CLIENTS} clients in a switchover`,
        values: stalls,
        unit: "ms",
        goal: { atMost: 250, of: "value" },
      },
    ];
  } finally {
    await stack.remove();
  }
};

/** @returns The longest time between two acknowledgements of one client, in milliseconds. */
async function stallOfMove(stack: Stack, url: string): Promise<number> {
  const writers = Array.from({ length: CLIENTS }, () => new Writer(url));
  await Promise.all(writers.map((writer) => writer.start()));
  await stack.expectOk("switchover", stack.name, "--yes");
  const written = await Promise.all(writers.map((writer) => writer.stop()));
  const errors = written.reduce((sum, each) => sum + each.errors, 0);
  if (errors > 0) throw new Error(`clients saw ${errors} errors in a switchover`);
  return Math.max(...written.map((each) => each.longestGapMs));
}
