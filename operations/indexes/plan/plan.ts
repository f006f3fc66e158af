import type { Catalogue, IndexEntry, PartitionEntry, ViewEntry } from "../catalogue/entries.ts";
import type { World } from "../world/world.ts";
import { planIndex } from "./index.ts";
import { planPartitions } from "./partitions.ts";
import type { Step } from "./steps.ts";
import { planUpkeep } from "./upkeep.ts";
import { planView } from "./view.ts";

/** What becomes of one entry of a catalogue. */
export interface Planned {
  entry: IndexEntry | ViewEntry | PartitionEntry;
  verdict: Verdict;
}

export type Verdict =
  | { kind: "present"; note: string | null }
  | { kind: "skipped"; reason: string }
  | { kind: "failed"; reason: string; todo: string }
  /** `repaired`: something half-made is in the way and goes first. */
  | { kind: "work"; steps: Step[]; repaired: boolean; note: string | null };

export interface Plan {
  entries: Planned[];
  /** What belongs to no entry: the procedure that keeps views and partitions up, and what it is to do. */
  upkeep: Step[];
}

/**
 * Compares what catalogues ask for with what there is. Views and partitions come first: indexes may be asked for on
 * them.
 */
export function plan(catalogues: Catalogue[], world: World): Plan {
  const views = catalogues.flatMap((one) => one.views);
  const partitions = catalogues.flatMap((one) => one.partitions);
  const indexes = catalogues.flatMap((one) => one.indexes);
  const entries: Planned[] = [
    ...views.map((entry) => ({ entry, verdict: planView(entry, world) })),
    ...partitions.map((entry) => ({ entry, verdict: planPartitions(entry, world) })),
    ...once(indexes).map(({ entry, first }) => ({
      entry,
      verdict: first ? askedBefore(first) : planIndex(entry, world),
    })),
  ];
  return { entries, upkeep: planUpkeep(entries, world) };
}

/** Two catalogues may ask for an index of one name; the second one is judged against the first. */
function once(entries: IndexEntry[]): { entry: IndexEntry; first: IndexEntry | null }[] {
  const seen = new Map<string, IndexEntry>();
  return entries.map((entry) => {
    const key = `${entry.table.schema}.${entry.name}`;
    const first = seen.get(key) ?? null;
    if (!first) seen.set(key, entry);
    return { entry, first };
  });
}

function askedBefore({ catalogue, line }: IndexEntry): Verdict {
  return { kind: "skipped", reason: `${catalogue} asks for an index of this name already (line ${line})` };
}
