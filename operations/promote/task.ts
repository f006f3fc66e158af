import { randomUUID } from "node:crypto";
import { phaseNames } from "../../infra/blueprint.ts";
import type { Deployed } from "../../infra/changes.ts";
import { type AvailablePhase, availablePhases } from "../../infra/phases/available.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { Journal } from "../workflow/journal.ts";

export interface Asked {
  /** The phase to go to; left out with `resume` and `abort`. */
  to?: number | undefined;
  resume?: boolean | undefined;
  abort?: boolean | undefined;
}

/** What a run of `promote` has to do. */
export interface Task {
  from: AvailablePhase;
  to: AvailablePhase;
  journal: Journal;
  /** Whether nothing of it has been done yet. */
  isNew: boolean;
}

export interface Situation {
  stack: string;
  asked: Asked;
  deployed: Deployed;
  /** Of a promotion that has not ended. */
  journal: Journal | null;
  /** Who runs this, for the journal. */
  by: string;
  now: Date;
}

/**
 * What is to be done, or why it cannot be.
 * @throws Problem (exit 2).
 */
export function taskOf(situation: Situation): Task {
  const { asked, journal, stack } = situation;
  if (asked.resume && asked.abort) {
    throw refused("--resume and --abort exclude each other.", ["Give one of them."]);
  }
  if (asked.resume || asked.abort) return underWay(situation);
  if (journal || situation.deployed.transition) throw alreadyUnderWay(stack, situation);
  const from = available(situation.deployed.phase, stack);
  const to = wanted(situation, from);
  return { from, to, journal: begin(situation, from, to), isNew: true };
}

/** One that a killed run left. Where its journal was lost with its etcd, all steps are looked at again. */
function underWay(situation: Situation): Task {
  const { deployed, journal, stack } = situation;
  const way = journal ? (journal.request as { from: number; to: number }) : deployed.transition;
  if (!way)
    throw refused(`No promotion of ${stack} is under way.`, [`npx phasewise promote ${stack} --to 2`]);
  const [from, to] = [available(way.from, stack), available(way.to, stack)];
  return { from, to, journal: journal ?? begin(situation, from, to), isNew: false };
}

function begin({ by, now }: Situation, from: number, to: number): Journal {
  return {
    version: 1,
    id: `${now.toISOString().replace(/[:.]/g, "-")}-${randomUUID().slice(0, 8)}`,
    kind: "promote",
    request: { from, to },
    startedAt: now.toISOString(),
    startedBy: by,
    direction: "forward",
    done: [],
    begun: null,
    seconds: {},
  };
}

function wanted({ asked: { to }, stack }: Situation, from: AvailablePhase): AvailablePhase {
  const neighbours = availablePhases.filter((phase) => Math.abs(phase - from) === 1);
  const give = neighbours.map((phase) => `npx phasewise promote ${stack} --to ${phase}`);
  if (to === undefined) throw refused("--to is missing: the phase to go to.", give);
  if (to === from) throw refused(`${stack} is in phase ${from} (${phaseNames[from]}) already.`, give);
  const found = neighbours.find((phase) => phase === to);
  if (found) return found;
  if (!availablePhases.some((phase) => phase === to)) {
    throw refused(`This version cannot build phase ${to}.`, give);
  }
  throw refused(`From phase ${from} there is no direct way to phase ${to}: phases are gone through.`, give);
}

function available(phase: number, stack: string): AvailablePhase {
  const found = availablePhases.find((each) => each === phase);
  if (found) return found;
  throw refused(`${stack} is in phase ${phase}, which this version does not know.`, [
    "Use the version of Phasewise that brought it there.",
  ]);
}

function alreadyUnderWay(stack: string, { deployed, journal }: Situation): Problem {
  const { from, to } = journal ? (journal.request as { from: number; to: number }) : deployed.transition!;
  const at = journal?.begun ?? journal?.done.at(-1);
  const by = journal ? `, begun by ${journal.startedBy} at ${journal.startedAt.slice(0, 19)}Z` : "";
  return refused(
    `A promotion of ${stack} from phase ${from} to phase ${to} is under way${by}${at ? `; it got to ${at}` : ""}.`,
    [
      `npx phasewise promote ${stack} --resume   goes on with it`,
      `npx phasewise promote ${stack} --abort    takes it back, as long as nothing was deleted`,
    ],
  );
}

function refused(happened: string, todo: string[]): Problem {
  return new Problem({ happened, left: "Nothing was changed.", todo, exitCode: 2 });
}
