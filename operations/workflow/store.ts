import type { Journal } from "./journal.ts";

/** Where a workflow's journal is kept, for whoever goes on with it. One workflow at a time has a stack's store. */
export interface WorkflowStore {
  /** The journal of a workflow that has not ended; null where none is under way. */
  read(): Promise<Journal | null>;
  /**
   * Takes the right to write; nobody else has it until it is given back, or some seconds after its holder died.
   * @throws Problem that names the holder.
   */
  lock(holder: string): Promise<HeldStore>;
}

/** @throws (all of it) where the right was lost meanwhile: whatever was being done must stop. */
export interface HeldStore extends AsyncDisposable {
  /** Aborted when the right is lost. */
  readonly lost: AbortSignal;
  /** Null: the workflow has ended. */
  write(journal: Journal | null): Promise<void>;
}
