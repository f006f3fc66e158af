import type { CloudStore } from "./engine.ts";

/** Finished actions are kept for a week, and never more than this many of them. */
const keptDays = 7;
const keptActions = 5000;

/** Forgets actions that nobody waits for any more. */
export function pruneActions(store: CloudStore, now = Date.now()): void {
  const finished = store.all("action").filter((action) => action.status !== "running");
  const oldest = now - keptDays * 24 * 3600 * 1000;
  const surplus = finished.length - keptActions;
  const gone = finished.filter(
    (action, index) => index < surplus || Date.parse(action.finished ?? "") < oldest,
  );
  store.transact((tx) => {
    for (const action of gone) tx.delete("action", action.id);
  });
}
