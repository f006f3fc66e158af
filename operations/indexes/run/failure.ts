import { DatabaseError } from "pg";
import { messageOf } from "../../../toolchain/problem.ts";

/** Why a step did not come to its end, and what an operator can do about it. */
export interface Failure {
  reason: string;
  todo: string;
}

export class StepFailed extends Error {
  readonly failure: Failure;
  constructor(failure: Failure, cause?: unknown) {
    super(failure.reason, { cause });
    this.name = "StepFailed";
    this.failure = failure;
  }
}

/** SQLSTATEs (PostgreSQL 17 documentation, appendix A). */
export const states = {
  lockNotAvailable: "55P03",
  deadlock: "40P01",
  uniqueViolation: "23505",
  diskFull: "53100",
  outOfMemory: "53200",
  configurationLimit: "53400",
  programLimit: "54000",
  canceled: "57014",
} as const;

export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** Whether the same statement may succeed a little later. */
export function passes(error: unknown): boolean {
  const state = sqlState(error);
  return state === states.lockNotAvailable || state === states.deadlock;
}

/** The connection is gone, or the server ends it: nothing more can be done in this session. */
export function isLost(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return /terminated|ECONN|EPIPE|not queryable|closed/i.test(messageOf(error));
  return state.startsWith("57P") || state.startsWith("08");
}

export const moreRoom = "Set a larger phasewise:volume.sizeGb and run `npx phasewise up`, then this again.";

/** @param attempts How often it was tried. @param holder Who was in the way last; null where nobody was seen. */
export function explain(error: unknown, attempts: number, holder: string | null): Failure {
  switch (sqlState(error)) {
    case states.lockNotAvailable:
    case states.deadlock:
      return {
        reason: `the table's lock was not free in ${attempts} ${attempts === 1 ? "attempt" : "attempts"}${holder ? `; ${holder} holds it` : ""}`,
        todo: "Let that transaction end (or end it: SELECT pg_terminate_backend(<process>)), then run this again.",
      };
    case states.diskFull:
      return {
        reason: `the disk is full: ${messageOf(error)}`,
        todo: moreRoom,
      };
    case states.configurationLimit:
      return {
        reason: messageOf(error),
        todo: "Raise temp_file_limit (phasewise:database.parameters), then run this again.",
      };
    case states.outOfMemory:
    case states.programLimit:
      return {
        reason: messageOf(error),
        todo: "Raise maintenance_work_mem (phasewise:database.parameters), run `npx phasewise up`, then this again.",
      };
    default:
      return { reason: messageOf(error), todo: "Correct what it says, then run this again." };
  }
}
