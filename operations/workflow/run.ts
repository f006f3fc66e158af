import { type AgainHooks, again } from "./again.ts";
import { isPastReturn, type Journal, nextMove, withBegun, withDone, withUndone } from "./journal.ts";
import type { Step } from "./step.ts";
import type { HeldStore } from "./store.ts";

export interface RunHooks extends AgainHooks {
  /** A step begins. */
  onStep(
    step: { name: string; title: string },
    doing: "act" | "undo",
    count: { at: number; of: number },
  ): void;
  /** It has ended; `skipped` where nothing was left to do. */
  onDone(step: { name: string; title: string }, seconds: number, skipped: boolean): void;
  /** Asked before each step: whether to stop there, with everything recorded. */
  stopBefore?(step: string): boolean;
  /** Aborted by Ctrl-C: the running step is finished and recorded, no other begun. */
  signal: AbortSignal;
  /** Milliseconds; for tests. */
  now?(): number;
}

export type RunEnd = "done" | "undone" | { stoppedBefore: string } | "interrupted";

/**
 * Goes on with a workflow from where its journal stands until its end, or as far as it is let. The intent is
 * recorded before each effect, the end of it after. What was turned back is tried again a few times; any other error
 * leaves the journal at the step that failed.
 */
export async function runWorkflow<World>(args: {
  steps: Step<World>[];
  journal: Journal;
  world: World;
  store: HeldStore;
  hooks: RunHooks;
}): Promise<{ end: RunEnd; journal: Journal }> {
  const { steps, world, store, hooks } = args;
  const names = steps.map((step) => step.name);
  let { journal } = args;
  for (;;) {
    store.lost.throwIfAborted();
    const move = nextMove(journal, names);
    if ("end" in move) {
      await store.write(null);
      return { end: move.end, journal };
    }
    const name = "act" in move ? move.act : move.undo;
    if (hooks.signal.aborted) return { end: "interrupted", journal };
    if ("act" in move && hooks.stopBefore?.(name)) return { end: { stoppedBefore: name }, journal };
    const step = steps.find((each) => each.name === name);
    if (!step) throw new Error(`the journal names the step ${name}, which this version does not know`);
    journal = withBegun(journal, name);
    await store.write(journal);
    journal = await perform({
      step,
      journal,
      world,
      store,
      hooks,
      of: names.length,
      at: names.indexOf(name) + 1,
    });
    await store.write(journal);
  }
}

async function perform<World>(args: {
  step: Step<World>;
  journal: Journal;
  world: World;
  store: HeldStore;
  hooks: RunHooks;
  at: number;
  of: number;
}): Promise<Journal> {
  const { step, journal, world, hooks, at, of } = args;
  const now = hooks.now ?? Date.now;
  const start = now();
  const doing = journal.direction === "forward" ? "act" : "undo";
  hooks.onStep(step, doing, { at, of });
  let skipped = false;
  const once = async () => {
    args.store.lost.throwIfAborted();
    if (doing === "undo") return await step.undo?.(world);
    skipped = await step.probe(world);
    if (!skipped) await step.act(world);
  };
  await again(once, hooks);
  const seconds = Math.round((now() - start) / 100) / 10;
  hooks.onDone(step, seconds, skipped);
  return doing === "act" ? withDone(journal, step.name, seconds) : withUndone(journal, step.name);
}

/** Turns a workflow round; null where it is too late for that. */
export function turnedBack<World>(journal: Journal, steps: Step<World>[]): Journal | null {
  const final = steps.filter((step) => step.final).map((step) => step.name);
  return isPastReturn(journal, final) ? null : { ...journal, direction: "back" };
}
