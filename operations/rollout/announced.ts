import type { Step } from "../workflow/step.ts";
import { isAnnounced } from "./plan.ts";

/** Counts the errors of clients that fall into the work on machines of which they were told. */
export class Announced {
  readonly #machines: string[];
  readonly #count: () => Promise<number>;
  #before: number | null = null;
  errors = 0;

  /**
   * @param machines What clients were told of each.
   * @param count Errors up to now; the database answers when it is called.
   */
  constructor(machines: { machine: string; notice: string | null }[], count: () => Promise<number>) {
    this.#machines = machines.filter(({ notice }) => isAnnounced(notice)).map(({ machine }) => machine);
    this.#count = count;
  }

  /** The same steps, with the errors counted from the first of an announced machine to its last. */
  around<World>(steps: Step<World>[]): Step<World>[] {
    return steps.map((step) => {
      const machine = this.#machines.find((name) => step.name.endsWith(`-${name}`));
      if (machine === undefined) return step;
      return {
        ...step,
        act: async (world) => {
          this.#before ??= await this.#count();
          await step.act(world);
          if (step.name !== `settle-${machine}`) return;
          this.errors += (await this.#count()) - this.#before;
          this.#before = null;
        },
      };
    });
  }
}
