import type { Journal } from "../../../../operations/workflow/journal.ts";
import type { HeldStore, WorkflowStore } from "../../../../operations/workflow/store.ts";

/** A store in memory that counts its writes as effects. */
export class MemoryStore implements WorkflowStore {
  journal: Journal | null = null;
  readonly #effect: (name: string, act: () => void) => Promise<void>;

  constructor(effect: (name: string, act: () => void) => Promise<void> = async (_, act) => act()) {
    this.#effect = effect;
  }

  async read(): Promise<Journal | null> {
    return structuredClone(this.journal);
  }

  async lock(): Promise<HeldStore> {
    return {
      lost: new AbortController().signal,
      write: (journal) =>
        this.#effect("journal", () => {
          this.journal = structuredClone(journal);
        }),
      [Symbol.asyncDispose]: async () => {},
    };
  }
}
