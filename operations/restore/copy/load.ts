import { pipeBetween } from "../../../clients/ssh/pipe.ts";
import { Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import type { TableName } from "./names.ts";
import { type Place, psqlCommand } from "./query.ts";
import { loadBegin, loadEnd } from "./script.ts";

/** What goes over: the dump's command, and the rows that it must bring. */
export interface Load {
  dump: string;
  /** Made where it is not there; null where the dump brings its own. */
  schema: string | null;
  tables: TableName[];
  /** Rows of each table in the restored state. */
  counts: number[];
}

/** How often it is told how much went over (milliseconds). */
const interval = 10_000;

/**
 * Streams a dump into a database of the stack, in one transaction.
 * @returns The rows that the tables have there, counted before it was committed.
 * @throws Problem where it was taken back.
 */
export async function load(from: Place, into: Place, what: Load, ctx: OperationContext): Promise<number[]> {
  let told = Date.now();
  const { giver, taker } = await pipeBetween(
    { session: from.session, command: what.dump },
    { session: into.session, command: psqlCommand(into) },
    {
      before: loadBegin(what.schema),
      after: loadEnd(what.tables, what.counts),
      signal: ctx.signal,
      onBytes: (bytes) => {
        if (Date.now() - told < interval) return;
        told = Date.now();
        ctx.onLine(`copied ${(bytes / 1e6).toFixed(0)} MB`);
      },
    },
  );
  if (giver !== null && giver.code !== 0) throw failed(`pg_dump on ${from.machine}`, giver.stderr);
  if (taker.code !== 0) throw failed(`${into.machine}'s ${into.database}`, taker.stderr);
  return JSON.parse(taker.stdout.trim()) as number[];
}

function failed(who: string, words: string): Problem {
  return new Problem({
    happened: `The copy did not work out: ${who} refused it.`,
    details: words.trim().split("\n").slice(-8),
    left: "It was one transaction and is taken back: nothing of the stack was changed.",
    todo: ["Put right what it says (what the copy refers to must be there), then run it again."],
  });
}
