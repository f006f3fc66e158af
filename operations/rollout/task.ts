import { randomUUID } from "node:crypto";
import { Problem } from "../../toolchain/problem.ts";
import type { Journal } from "../workflow/journal.ts";
import { refuseOther } from "../workflow/underWay.ts";
import { rolloutRequest } from "./plan.ts";
import type { MachineWork } from "./work.ts";

export interface Asked {
  resume?: boolean | undefined;
  abort?: boolean | undefined;
}

/**
 * The journal of what is to be gone on with; null where a new rollout is asked for.
 * @throws Problem (exit 2) where what is asked for does not fit to what is under way.
 */
export function continued(stack: string, { abort, resume }: Asked, journal: Journal | null): Journal | null {
  refuseOther(stack, "rollout", journal);
  if (resume && abort) throw refused("--resume and --abort exclude each other.", ["Give one of them."]);
  if (!resume && !abort) {
    if (journal === null) return null;
    const at = journal.begun ?? journal.done.at(-1);
    throw refused(
      `A rollout of ${stack} is under way, begun by ${journal.startedBy} at ${journal.startedAt.slice(0, 19)}Z${at ? `; it got to ${at}` : ""}.`,
      [
        `npx phasewise rollout ${stack} --resume   goes on with it`,
        `npx phasewise rollout ${stack} --abort    gives it up; what was done stays`,
      ],
    );
  }
  if (journal === null) {
    throw refused(`No rollout of ${stack} is under way.`, [`npx phasewise rollout ${stack}`]);
  }
  return { ...journal, direction: abort ? "back" : "forward" };
}

/** @throws Where the journal was written by another version. */
export function requestOf(journal: Journal): { work: MachineWork[]; drainSeconds: number } {
  return rolloutRequest.parse(journal.request);
}

export function begin(work: MachineWork[], drainSeconds: number, by: string, now: Date): Journal {
  return {
    version: 1,
    id: `${now.toISOString().replace(/[:.]/g, "-")}-${randomUUID().slice(0, 8)}`,
    kind: "rollout",
    request: { work, drainSeconds },
    startedAt: now.toISOString(),
    startedBy: by,
    direction: "forward",
    done: [],
    begun: null,
    seconds: {},
  };
}

function refused(happened: string, todo: string[]): Problem {
  return new Problem({ happened, left: "Nothing was changed.", todo, exitCode: 2 });
}
