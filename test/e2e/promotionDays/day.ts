import { expect } from "vitest";
import { serverId } from "../failover.ts";
import type { Outcome, Stack } from "../stack.ts";
import type { Variant } from "../variants.ts";

/** What `promote --json` prints, as far as a bad day asks. */
export interface Result {
  from: number;
  to: number;
  canary: { acknowledged: number; missing: number; errors: number };
}

/** Something that goes wrong while a stack is promoted. It begins with a whole stack in phase 1 and leaves one. */
export interface Day extends Variant {
  run(promotion: Promotion): Promise<void>;
}

/** The promotions of one stack. */
export class Promotion {
  readonly stack: Stack;

  constructor(stack: Stack) {
    this.stack = stack;
  }

  command(...args: string[]): string[] {
    return ["promote", this.stack.name, ...args, "--yes", "--json"];
  }

  /** It has to come to its end, or to where it is to pause, with no row lost. */
  async done(...args: string[]): Promise<Result> {
    const result = JSON.parse(await this.stack.expectOk(...this.command(...args))) as Result;
    expect(result.canary.missing).toBe(0);
    return result;
  }

  /** Runs it, does `strike` when standard error says `sign`, and waits for its end. */
  async struckAt(sign: string, strike: (pid: number) => Promise<void>, ...args: string[]): Promise<Outcome> {
    const started = performance.now();
    const running = this.stack.start(this.command(...args));
    let stderr = "";
    let struck: Promise<void> | null = null;
    running.stderr!.on("data", (chunk) => {
      stderr += String(chunk);
      if (struck !== null || !stderr.includes(sign)) return;
      struck = strike(running.pid!);
      // Awaited below: until then nobody listens.
      struck.catch(() => {});
    });
    const ended = await running;
    expect(struck, `${sign} never came:\n${stderr}`).not.toBeNull();
    await struck;
    const elapsed = performance.now() - started;
    return { code: ended.exitCode ?? 128, stdout: String(ended.stdout), stderr, elapsed };
  }

  /**
   * Goes on until it is done: what an operator does once the cause is gone. Every failure before has to say how, and no
   * run may miss a row.
   */
  async resumed(...args: string[]): Promise<Result> {
    for (let tries = 1; ; tries++) {
      const outcome = await this.stack.run(...this.command("--resume", ...args));
      if (outcome.code === 0) {
        const result = JSON.parse(outcome.stdout) as Result;
        expect(result.canary.missing).toBe(0);
        return result;
      }
      this.expectTold(outcome);
      expect(tries, outcome.stderr).toBeLessThan(5);
    }
  }

  /** A promotion that failed says how to go on, and that nothing is lost where that could be asked. */
  expectTold({ code, stderr }: Outcome): void {
    expect(code, stderr).toBe(1);
    expect(stderr).toContain(`npx phasewise promote ${this.stack.name} --resume`);
    expect(stderr).not.toMatch(/canary: \d+ rows acknowledged, [1-9]\d* missing/);
  }

  async power(machine: string, action: "poweron" | "reset"): Promise<void> {
    await this.stack.api("POST", `/servers/${await serverId(this.stack, machine)}/actions/${action}`);
  }

  /** Runs a shell script on a machine. */
  async on(machine: string, script: string): Promise<string> {
    return await this.stack.expectOk("ssh", this.stack.name, machine, "--", script);
  }
}
