import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../../toolchain/problem.ts";

/**
 * An effect that was taken back entirely because the moment was bad, as a move of a primary that had to wait for a
 * transaction: nothing is broken, and the same may well succeed some seconds later.
 */
export class TurnedBack extends Problem {}

/** Pauses before each further try, in milliseconds: half a minute in all, as longer transactions end within. */
const PAUSES = [2000, 4000, 8000, 16_000];

export interface AgainHooks {
  /** Aborted by Ctrl-C: no further try is begun. */
  signal: AbortSignal;
  /** What was turned back is tried again after a pause; a line for people. */
  onAgain(line: string): void;
  /** See PAUSES; for tests. */
  pauses?: number[];
}

/**
 * Does something that may be turned back, and tries again a few times, with growing pauses.
 * @throws TurnedBack that says how often it was tried; Problem (exit 130) where a pause was interrupted; whatever else
 * `act` throws, at once.
 */
export async function again(act: () => Promise<void>, hooks: AgainHooks): Promise<void> {
  const pauses = hooks.pauses ?? PAUSES;
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof TurnedBack)) throw error;
      const pause = pauses[tries - 1];
      if (pause === undefined) throw givenUp(error, tries);
      if (!hooks.signal.aborted) hooks.onAgain(lineOf(error, pause / 1000, pauses.length - tries + 1));
      await sleep(pause, undefined, { signal: hooks.signal }).catch(() => {
        throw interrupted(error);
      });
    }
  }
}

function givenUp(error: TurnedBack, tries: number): TurnedBack {
  const { details, exitCode, happened, left, todo } = error;
  return new TurnedBack({
    happened: `${happened} It was tried ${tries} times.`,
    details,
    ...(left === undefined ? {} : { left }),
    todo,
    exitCode,
    cause: error,
  });
}

function interrupted(error: TurnedBack): Problem {
  return new Problem({
    happened: "Interrupted.",
    details: [error.happened],
    left: error.left ?? "What was begun was taken back.",
    exitCode: 130,
    cause: error,
  });
}

/** @param left How many tries are left, the next one included. */
function lineOf({ happened }: TurnedBack, seconds: number, left: number): string {
  const times = left === 1 ? "one last time" : `up to ${left} times`;
  return `  ${happened} Clients go on meanwhile; trying again in ${seconds} s, ${times} ...`;
}
