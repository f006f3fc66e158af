import type { CanaryReport } from "../../../operations/canary/canary.ts";
import type { MoveReport } from "../../../operations/switchover/switchover.ts";
import { Stack } from "../../e2e/stack.ts";
import { startCanary } from "../canary.ts";
import type { Bench, Item } from "../item.ts";
import type { Figure } from "../measure.ts";
import { Pgbench, type PgbenchReport } from "../pgbench.ts";
import { worstBetween } from "../transactions.ts";

const CLIENTS = 8;
const MOVES = 10;
/** Worst client stall of the same recipe by hand, without TLS and SSH: least, median and most of six (milliseconds). */
const BY_HAND = [138, 198, 337];

interface Move {
  from: number;
  to: number;
  report: MoveReport;
}

/** Planned moves of the primary in phase 2 under a canary and pgbench, back and forth. */
export const measure: Item = async (bench) => {
  const stack = new Stack("bench-switchover");
  try {
    await stack.reset();
    stack.configure({ "phasewise:phase": 2 });
    await stack.up();
    return await moves(bench, stack);
  } finally {
    await stack.remove();
  }
};

async function moves(bench: Bench, stack: Stack): Promise<Figure[]> {
  await Pgbench.prepare(stack);
  const canary = await startCanary(stack);
  const load = await Pgbench.start(stack, CLIENTS);
  const made: Move[] = [];
  for (let move = 0; move < MOVES; move++) {
    const from = Date.now();
    const report = await stack.json<MoveReport>("switchover", stack.name, "--yes");
    made.push({ from, to: Date.now(), report });
    bench.progress(`switchover ${move + 1} of ${MOVES}: ${JSON.stringify(report.times)}`);
  }
  const [clients, watched] = [await load.stop(), await canary.finish()];
  unhurt(clients, watched);
  const stalls = made.map(({ from, to }) =>
    Math.max(
      worstBetween(clients.transactions, from, to),
      ...watched.stalls.filter(({ at }) => at.getTime() >= from && at.getTime() <= to).map(({ ms }) => ms),
    ),
  );
  bench.progress(`${clients.transactions.length} transactions, ${watched.acknowledged} rows of the canary`);
  const name = `worst wait of ${CLIENTS} pgbench clients and the canary in a switchover`;
  const floor = { what: "by hand, no TLS", values: BY_HAND };
  return [
    { name, values: stalls, unit: "ms", floor, goal: { atMost: 250, of: "value" } },
    {
      name: `${name}, the worst of ${MOVES}`,
      values: [Math.max(...stalls)],
      unit: "ms",
      floor: { what: "by hand, no TLS", values: [Math.max(...BY_HAND)] },
      goal: { atMost: 500, of: "value" },
    },
  ];
}

/** @throws Where any client saw an error, or a row that was acknowledged is not there. */
function unhurt(clients: PgbenchReport, canary: CanaryReport): void {
  const faults = [...clients.errors, ...canary.samples];
  if (clients.missing + canary.missing > 0)
    faults.push(`${clients.missing + canary.missing} rows are missing`);
  if (canary.errors > 0) faults.push(`the canary saw ${canary.errors} errors`);
  if (faults.length > 0) throw new Error(`clients were hurt: ${faults.join("; ")}`);
}
