import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";

/** How many resources an update changed, in the five words that `--json` promises. */
export interface Changes {
  create: number;
  update: number;
  replace: number;
  delete: number;
  same: number;
}

export const noChanges: Changes = { create: 0, update: 0, replace: 0, delete: 0, same: 0 };

/**
 * Sums up the engine's last summary. A replacement is counted once, by its own step; an import as a creation: the
 * state has one resource more. The stack itself counts as any other resource.
 */
export function changesOf(events: EngineEvent[]): Changes {
  const counts = events.findLast((event) => event.summaryEvent)?.summaryEvent?.resourceChanges ?? {};
  const sum = (...kinds: (keyof typeof counts)[]) =>
    kinds.reduce((total, kind) => total + (counts[kind] ?? 0), 0);
  return {
    create: sum("create", "import"),
    update: sum("update"),
    replace: sum("replace"),
    delete: sum("delete", "discard"),
    same: sum("same"),
  };
}

export function isUnchanged(changes: Changes): boolean {
  return changes.create + changes.update + changes.replace + changes.delete === 0;
}

/** As "12 created, 1 updated, 30 unchanged". */
export function changesText(changes: Changes, tense: "done" | "planned"): string {
  const words = {
    create: tense === "done" ? "created" : "to create",
    update: tense === "done" ? "updated" : "to update",
    replace: tense === "done" ? "replaced" : "to replace",
    delete: tense === "done" ? "deleted" : "to delete",
    same: "unchanged",
  };
  const parts = (Object.keys(words) as (keyof Changes)[])
    .filter((kind) => changes[kind] > 0)
    .map((kind) => `${changes[kind]} ${words[kind]}`);
  return parts.length > 0 ? parts.join(", ") : "nothing";
}

/** The stack's outputs as the engine reported them; secrets are masked. */
export function outputsOf(events: EngineEvent[]): Record<string, unknown> {
  const last = events.findLast((event) => event.resOutputsEvent?.metadata.type === "pulumi:pulumi:Stack");
  return last?.resOutputsEvent?.metadata.new?.outputs ?? {};
}
