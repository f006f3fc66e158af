/**
 * The ways back from a risky change, the gentlest first: L1 the change's own way back, L2 the indexes that it made are
 * dropped, L3 the whole database is restored to the point before. The limits are those that a team can plan with.
 */
export type Level = "L1" | "L2" | "L3";

export const LEVELS: Record<Level, { title: string; limitSeconds: number }> = {
  L1: { title: "run the command that takes it back", limitSeconds: 5 * 60 },
  L2: { title: "drop the indexes that it made", limitSeconds: 15 * 60 },
  L3: { title: "restore the database to the point before it", limitSeconds: 60 * 60 },
};

/** What is known once a guarded command has ended. */
export interface Aftermath {
  /** Whether a command to take it back was given. */
  undo: boolean;
  /** Names of indexes that were not there before. */
  newIndexes: string[];
}

/** The levels that can help, in the order in which they are tried: each only where the one before did not do. */
export function levelsFor({ newIndexes, undo }: Aftermath): Level[] {
  return [...(undo ? (["L1"] as const) : []), ...(newIndexes.length > 0 ? (["L2"] as const) : []), "L3"];
}

/** One way back that was tried. */
export interface Tried {
  level: Level;
  seconds: number;
  limitSeconds: number;
  withinLimit: boolean;
  /** Whether everything is as before. */
  state: "recovered" | "not enough" | "failed";
  detail: string;
}

export function tried(level: Level, seconds: number, state: Tried["state"], detail: string): Tried {
  const { limitSeconds } = LEVELS[level];
  return { level, seconds, limitSeconds, withinLimit: seconds <= limitSeconds, state, detail };
}
