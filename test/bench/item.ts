import { Stack } from "../e2e/stack.ts";
import type { Figure } from "./measure.ts";

/** What an item of the benchmark is given. */
export class Bench {
  /** Of its own, with its own embedded cloud. */
  readonly stack = new Stack("bench");
  readonly runs: number;
  #up = false;

  constructor(runs: number) {
    this.runs = runs;
  }

  progress(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  /** The stack in phase 1, brought up where it is not; as it is when nobody changed anything. */
  async running(): Promise<Stack> {
    if (!this.#up) {
      await this.stack.reset();
      await this.stack.up();
      this.#up = true;
    }
    return this.stack;
  }

  /** Says that the stack is up already, with the settings of `dev`. */
  isUp(): void {
    this.#up = true;
  }

  /** The same work as often as there are runs. */
  async repeat(work: (run: number) => Promise<number>): Promise<number[]> {
    const values: number[] = [];
    for (let run = 0; run < this.runs; run++) values.push(await work(run));
    return values;
  }
}

/** What a file in `items/` exports as `measure`. */
export type Item = (bench: Bench) => Promise<Figure[]>;
