import { expect } from "vitest";
import { whole } from "../failover.ts";
import type { Stack } from "../stack.ts";
import { chosenOf, type Variant, variantsIn } from "../variants.ts";

/** A stack that is to be struck. */
export interface Scene {
  stack: Stack;
  phase: 2 | 3;
  durability: "async" | "sync";
}

/** One bad day: a file of this folder exports it by default. It begins with a whole stack and has to leave one. */
export interface Scenario extends Variant {
  phases: (2 | 3)[];
  /** Only where it says something of one kind of durability. */
  durability?: "async" | "sync";
  run(scene: Scene): Promise<void>;
}

export const databases = ({ phase }: Scene): number => phase;

/** The primary of a stack that has all it should. */
export const leaderOf = (scene: Scene): Promise<string> =>
  whole(scene.stack, databases(scene), scene.durability);

/** The private address of db-1, db-2, ..., as a server tells it. */
export const addressOf = (machine: string): string => `10.0.1.${20 + Number(machine.split("-")[1])}`;

/** Everything is as it should be again, by itself. */
export async function expectHealed(scene: Scene): Promise<void> {
  await leaderOf(scene);
  const { stack } = scene;
  try {
    // PostgreSQL sends a segment that failed three times again after a minute, and may meet the same once more.
    await stack.eventually(async () => expect(await stack.faults()).toEqual([]), 200);
  } catch (error) {
    // As `verify` advises: nothing of the stack is left afterwards to be looked at.
    process.stderr.write(await stack.expectOk("logs", stack.name, "--unit", "patroni", "--lines", "150"));
    throw error;
  }
}

/** `count` of the scenarios for this stack, or those that PHASEWISE_TEST_SCENARIOS names; see chosenOf. */
export async function chosen(
  { durability, phase }: Omit<Scene, "stack">,
  count: number,
): Promise<Scenario[]> {
  const all = await variantsIn<Scenario>(import.meta.dirname, "scenario.ts");
  const fitting = all.filter(
    (each) => each.phases.includes(phase) && (each.durability ?? durability) === durability,
  );
  return chosenOf(fitting, count, process.env.PHASEWISE_TEST_SCENARIOS);
}
