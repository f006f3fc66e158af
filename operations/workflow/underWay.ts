import { Problem } from "../../toolchain/problem.ts";
import type { Journal } from "./journal.ts";

/**
 * One workflow at a time has a stack.
 * @param kind What is about to be done.
 * @throws Problem (exit 2) that names the command which goes on with the other one.
 */
export function refuseOther(stack: string, kind: string, journal: Journal | null): void {
  if (journal === null || journal.kind === kind) return;
  const at = journal.begun ?? journal.done.at(-1);
  throw new Problem({
    happened: `A ${journal.kind} of ${stack} is under way, begun by ${journal.startedBy} at ${journal.startedAt.slice(0, 19)}Z${at ? `; it got to ${at}` : ""}.`,
    left: "Nothing was changed.",
    todo: [`npx phasewise ${journal.kind} ${stack} --resume   goes on with it`],
    exitCode: 2,
  });
}
