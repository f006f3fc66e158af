import { messageOf, Problem } from "../../toolchain/problem.ts";

/** What the server's error codes mean here (PostgreSQL 17 documentation, appendix A). */
const advice: Record<string, string> = {
  "53100":
    "The disk is full: give the volume more room (phasewise:volume.sizeGb, then `up`), or load a smaller example.",
  "55P03": "Somebody else holds a lock, maybe another load: run it again when that has ended.",
  "25006": "The database takes no writes now: npx phasewise status shows who leads.",
};

/** A table that could not be loaded, for people. */
export function loadFailure(stack: string, example: string, table: string, error: unknown): Problem {
  const { code } = error as { code?: string };
  const known = code === undefined ? undefined : advice[code];
  return new Problem({
    happened: `Loading ${table} of ${example} into ${stack} failed: ${messageOf(error)}`,
    left: `${table} is as it was before; tables that were loaded before it stay.`,
    todo: [
      known ?? `npx phasewise verify ${stack} says whether the database is well.`,
      "Run the same command again: it goes on with this table.",
    ],
    cause: error,
  });
}
