import type { Advice } from "./advice/advice.ts";

/** What became of one entry of a catalogue. */
export interface Outcome {
  cluster: string;
  catalogue: string;
  kind: "extension" | "index" | "view" | "partitions" | "upkeep";
  name: string;
  table?: string;
  note?: string;
  /** Why it was skipped, or failed, and what to do about that. */
  reason?: string;
  todo?: string;
  /** What it took to make it. */
  seconds?: number;
  bytes?: number;
  /** With --dry-run: what would be run. */
  sql?: string[];
}

export type OutcomeList = "created" | "present" | "repaired" | "skipped" | "failed";

export interface IndexesReport extends Record<OutcomeList, Outcome[]> {
  stack: string;
  dryRun: boolean;
  /** For --undo; null where nothing was changed. */
  run: string | null;
  /** Never acted upon. */
  advice: (Advice & { cluster: string })[];
  /** What the work in the databases took, without reaching them. */
  databaseSeconds: number;
}
