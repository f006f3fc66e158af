import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Stack } from "./stack.ts";

/**
 * Kills a command and nothing else some time after it has begun a step.
 * @param step What it says of the step on standard error, as "[7/".
 */
export async function killedIn(stack: Stack, args: string[], step: string, afterMs: number): Promise<void> {
  const running = stack.start(args);
  let told = "";
  // Its output is read to the end: a command whose reader has gone would end by itself.
  const begun = new Promise<void>((resolve) => {
    running.stderr!.on("data", (chunk) => {
      told += String(chunk);
      if (told.includes(step)) resolve();
    });
    running.finally(resolve);
  });
  await begun;
  await sleep(afterMs);
  running.kill("SIGKILL");
  expect((await running).signal, told).toBe("SIGKILL");
}
