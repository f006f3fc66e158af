import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { type Cut, cut, mend } from "./faults.ts";
import type { Scene } from "./scenarios/scenario.ts";
import type { Stack } from "./stack.ts";
import { type Observed, tell, Writers, waysOf } from "./writers.ts";

/**
 * Cuts the primary off while rows are written on every way, and joins it again once they are acknowledged everywhere
 * and `holdMs` are over; then more clients come, on new connections.
 */
export async function cutOff({ stack }: Scene, primary: string, what: Cut, holdMs = 0): Promise<Observed> {
  await using writers = await Writers.start(stack);
  const struck = performance.now();
  await cut(stack, primary, what);
  try {
    writers.strike();
    expect(await writers.recovered()).toBe(true);
    await sleep(Math.max(2000, holdMs - (performance.now() - struck)));
  } finally {
    await mend(stack);
  }
  await newcomers(stack, writers);
  await sleep(8000);
  const observed = await writers.stop();
  tell(`the primary cut off from ${what.towards?.join(" and ") ?? "everybody"}`, observed);
  return observed;
}

/** Eight more clients, on all ways: new connections are what a gateway might lead to the wrong server. */
export async function newcomers(stack: Stack, writers: Writers): Promise<void> {
  const ways = await waysOf(stack);
  for (let more = 0; more < 8; more++) writers.add(ways[more % ways.length]).begin();
}
