import { readdirSync } from "node:fs";
import { expect } from "vitest";
import { whole } from "../failover.ts";
import type { Stack } from "../stack.ts";
import { currentTurn } from "../turn.ts";

/** A stack that is to be struck. */
export interface Scene {
  stack: Stack;
  phase: 2 | 3;
  durability: "async" | "sync";
}

/** One bad day: a file of this folder exports it by default. It begins with a whole stack and has to leave one. */
export interface Scenario {
  /** What happens, and what has to hold. */
  name: string;
  phases: (2 | 3)[];
  /** Only where it says something of one kind of durability. */
  durability?: "async" | "sync";
  /** Not yet seen to pass on real machines as it stands: no turn takes it, only its name or "all". */
  untried?: true;
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
  await scene.stack.eventually(async () => expect(await scene.stack.faults()).toEqual([]));
}

async function scenarios(): Promise<Scenario[]> {
  const files = readdirSync(import.meta.dirname)
    .filter((file) => file !== "scenario.ts")
    .sort();
  return Promise.all(
    files.map(async (file) => (await import(/* @vite-ignore */ `./${file}`)).default as Scenario),
  );
}

/**
 * `count` of the scenarios for this stack, others with each turn: it comes round in the course of days, unless
 * PHASEWISE_TEST_TURN sets it. PHASEWISE_TEST_SCENARIOS chooses by words of their names instead, or "all".
 */
export async function chosen(
  { durability, phase }: Omit<Scene, "stack">,
  count: number,
): Promise<Scenario[]> {
  const fitting = (await scenarios()).filter(
    (each) => each.phases.includes(phase) && (each.durability ?? durability) === durability,
  );
  const wanted = process.env.PHASEWISE_TEST_SCENARIOS;
  if (wanted !== undefined) return fitting.filter(({ name }) => wanted === "all" || name.includes(wanted));
  const tried = fitting.filter(({ untried }) => !untried);
  const turn = currentTurn();
  return Array.from({ length: Math.min(count, tried.length) }, (_, index) => {
    return tried[(turn * count + index) % tried.length]!;
  });
}
