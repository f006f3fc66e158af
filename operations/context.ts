import { Problem } from "../toolchain/problem.ts";

/** What every operation is given by the command that runs it. */
export interface OperationContext {
  /** Aborted by Ctrl-C: running steps are finished and recorded, nothing new is begun. */
  signal: AbortSignal;
  /** A line of progress for people. */
  onLine(line: string): void;
}

/** What is thrown where an operation stopped because it was asked to. */
export function interrupted(left: string, again: string): Problem {
  return new Problem({ happened: "Interrupted.", left, todo: [again], exitCode: 130 });
}
