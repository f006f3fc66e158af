/** What stands for kill -9: nothing after it runs in that process. */
export class Killed extends Error {}

/**
 * Counts effects, and kills just before or just after one of them. Every later effect of the same run is refused too:
 * a dead process does nothing more.
 */
export class Killer {
  #count = 0;
  #dead = false;
  readonly #at: number | null;

  /** @param at Even: before effect `at / 2`; odd: after it. Null: never. */
  constructor(at: number | null) {
    this.#at = at;
  }

  /** How many places to kill at there were. */
  get places(): number {
    return this.#count;
  }

  readonly effect = async <T>(name: string, act: () => T | Promise<T>): Promise<T> => {
    this.#place(`before ${name}`);
    const result = await act();
    this.#place(`after ${name}`);
    return result;
  };

  #place(where: string): void {
    if (this.#dead) throw new Killed(`already dead, ${where}`);
    if (this.#count++ !== this.#at) return;
    this.#dead = true;
    throw new Killed(where);
  }
}
