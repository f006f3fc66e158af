import { z } from "zod";

/**
 * How far a workflow has come. The intent is written before each effect: `begun` without `done` means that the step
 * may have happened in part.
 */
export const journalSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  /** "promote". */
  kind: z.string(),
  /** What it was asked for; it can only be gone on with as that. */
  request: z.record(z.string(), z.unknown()),
  startedAt: z.string(),
  startedBy: z.string(),
  /** `back`: it is being taken back. */
  direction: z.enum(["forward", "back"]),
  /** Names of finished steps, in their order. */
  done: z.array(z.string()),
  /** The step at work, or at which a run was cut off. */
  begun: z.string().nullable(),
  /** Seconds that each finished step took. */
  seconds: z.record(z.string(), z.number()),
});

export type Journal = z.infer<typeof journalSchema>;

export type Move = { act: string } | { undo: string } | { end: "done" | "undone" };

/** What comes next. `steps` are all names in their order. */
export function nextMove(journal: Journal, steps: string[]): Move {
  if (journal.direction === "forward") {
    const next = steps.find((name) => !journal.done.includes(name));
    return next === undefined ? { end: "done" } : { act: next };
  }
  const last = journal.begun ?? journal.done.at(-1);
  return last === undefined ? { end: "undone" } : { undo: last };
}

export function withBegun(journal: Journal, step: string): Journal {
  return { ...journal, begun: step };
}

export function withDone(journal: Journal, step: string, seconds: number): Journal {
  const done = [...journal.done.filter((name) => name !== step), step];
  return { ...journal, begun: null, done, seconds: { ...journal.seconds, [step]: seconds } };
}

export function withUndone(journal: Journal, step: string): Journal {
  const { [step]: _, ...seconds } = journal.seconds;
  return { ...journal, begun: null, done: journal.done.filter((name) => name !== step), seconds };
}

/** Whether any of the steps that close the way back has been begun. */
export function isPastReturn(journal: Journal, finalSteps: string[]): boolean {
  return finalSteps.some((name) => journal.begun === name || journal.done.includes(name));
}
