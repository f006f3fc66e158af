import { Problem } from "../../../toolchain/problem.ts";
import { isPastReturn, type Journal } from "../../workflow/journal.ts";
import { type RestoreRequest, requestSchema } from "./request.ts";
import { inPlaceSteps } from "./steps.ts";

/** The kind of journal that a restore in place writes. */
export const RESTORE = "restore";

/** What a run has to go on with, or take back. */
export interface UnderWay {
  journal: Journal;
  request: RestoreRequest;
}

/** A new restore's journal. */
export function begin(request: RestoreRequest, by: string, now: Date): Journal {
  return {
    version: 1,
    // It stands in the names of folders.
    id: now.toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-"),
    kind: RESTORE,
    request,
    startedAt: now.toISOString(),
    startedBy: by,
    direction: "forward",
    done: [],
    begun: null,
    seconds: {},
  };
}

/** @throws Problem (exit 2) where no restore is under way, or it is too late to take it back. */
export function underWay(stack: string, journal: Journal | null, way: "resume" | "abort"): UnderWay {
  if (journal === null || journal.kind !== RESTORE) {
    throw refused(
      journal === null ? `No restore of ${stack} is under way.` : other(journal),
      journal === null ? [`npx phasewise restore ${stack} --in-place`] : [],
    );
  }
  const request = requestSchema.parse(journal.request);
  if (way === "resume") return { journal: { ...journal, direction: "forward" }, request };
  const final = stepsOf(request).filter((step) => step.final);
  if (
    isPastReturn(
      journal,
      final.map(({ name }) => name),
    )
  )
    throw refused("The restore cannot be taken back: the old data was not kept.", [
      `npx phasewise restore ${stack} --resume   brings it to its end`,
    ]);
  return { journal: { ...journal, direction: "back" }, request };
}

export function stepsOf(request: RestoreRequest) {
  return inPlaceSteps({ back: request.from.type === "old", keepOld: request.keepOld });
}

/** What stands in the way of a new restore, in words; null where nothing is under way. */
export function inTheWay(journal: Journal | null): string | null {
  return journal === null ? null : other(journal);
}

function other(journal: Journal): string {
  const at = journal.begun ?? journal.done.at(-1);
  const what = journal.kind === RESTORE ? "another restore" : `another operation (${journal.kind})`;
  const far = at === undefined ? "" : `, it got to ${at}`;
  return `${what} is under way, begun by ${journal.startedBy} at ${journal.startedAt.slice(0, 19)}Z${far}: --resume goes on with it, --abort takes it back`;
}

function refused(happened: string, todo: string[]): Problem {
  return new Problem({ happened, left: "Nothing was changed.", todo, exitCode: 2 });
}
