import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { qualified } from "../plan/statement.ts";
import type { Step } from "../plan/steps.ts";
import { attemptStep, Blocked, dropHalfMade, Stopped } from "./attempt.ts";
import { explain, type Failure, isLost, moreRoom, passes, StepFailed } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { Watch } from "./watch.ts";

/** How patient a run is. */
export interface Patience {
  /** How long a statement waits for a lock that keeps nobody else out, and for one that does (seconds). */
  lockSeconds: number;
  briefLockSeconds: number;
  /** How often a statement is tried again. */
  retries: number;
}

export interface Runner {
  client: Client;
  journal: Journal;
  patience: Patience;
  signal: AbortSignal;
  onLine(line: string): void;
  /** Watches a statement that may take long. */
  watch(title: string): Promise<Watch>;
  /** Asked before a build; null: go on. */
  reasonNotToBegin(): Promise<string | null>;
}

/** The first pause before trying again, and the longest one (milliseconds). */
const pauses = { first: 500, longest: 15_000 };

/**
 * Writes the step down, then carries it out.
 * @throws StepFailed; any other error means that the session is lost.
 */
export async function runStep(step: Step, runner: Runner): Promise<void> {
  const { client, journal, signal } = runner;
  if (signal.aborted) throw new StepFailed(interruption);
  const number = await journal.begin(step);
  try {
    await runUnrecorded(step, runner);
  } catch (error) {
    if (error instanceof StepFailed) await journal.end(number, { error: error.message });
    throw error;
  }
  await journal.end(number, { made: await madeBy(client, step) });
}

/** Carries a step out, again and again while a lock is in the way. What a failed build leaves is dropped. */
export async function runUnrecorded(step: Step, runner: Runner): Promise<void> {
  const { client, patience, signal, onLine } = runner;
  const lockSeconds = step.lock === "patient" ? patience.lockSeconds : patience.briefLockSeconds;
  onLine(step.title);
  for (let attempt = 1, pause = pauses.first; ; attempt++, pause = Math.min(pause * 2, pauses.longest)) {
    try {
      const reason = step.leftover ? await runner.reasonNotToBegin() : null;
      if (reason !== null) throw new Stopped(reason);
      const watch = await runner.watch(step.leftover?.name ?? step.title);
      return await attemptStep(step, { client, lockSeconds, watch });
    } catch (error) {
      if (isLost(error)) throw error;
      if (!(error instanceof Blocked) || attempt > patience.retries || signal.aborted) {
        throw await stepFailed(step, error, attempt, runner);
      }
      onLine(`  ${error.message}; again in ${pause / 1000} s`);
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }
}

async function stepFailed(
  step: Step,
  error: unknown,
  attempts: number,
  { client }: Runner,
): Promise<StepFailed> {
  const failure = failureOf(error, attempts);
  if (!step.leftover) return new StepFailed(failure, error);
  try {
    await dropHalfMade(client, step.leftover);
    return new StepFailed(failure, error);
  } catch (second) {
    if (!passes(second)) throw second;
    const reason = `${failure.reason}; the half-made ${step.leftover.name} could not be dropped for the same reason, the next run does it`;
    return new StepFailed({ ...failure, reason }, error);
  }
}

const interruption = {
  reason: "interrupted",
  todo: "Run the same command again: it goes on where it stopped.",
};

function failureOf(error: unknown, attempts: number): Failure {
  if (error instanceof Stopped) {
    return error.message === interruption.reason ? interruption : { reason: error.message, todo: moreRoom };
  }
  return error instanceof Blocked
    ? explain(error.cause, attempts, error.holder)
    : explain(error, attempts, null);
}

async function madeBy(client: Client, { undo }: Step): Promise<string | null> {
  if (undo?.kind !== "index" && undo?.kind !== "partitioned index") return null;
  const { rows } = await client.query("SELECT pg_get_indexdef(to_regclass($1)) AS made", [qualified(undo)]);
  return rows[0].made as string | null;
}
