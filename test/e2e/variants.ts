import { readdirSync } from "node:fs";
import { join } from "node:path";
import { currentTurn } from "./turn.ts";

/** One of several things that a test file may go through; a file of a folder exports it by default. */
export interface Variant {
  /** What happens, and what has to hold. */
  name: string;
  /** Not yet seen to pass on real machines as it stands: no turn takes it, only its name or "all". */
  untried?: true;
}

/** What the files of a folder export by default, in the order of the files' names. @param except A file's name. */
export async function variantsIn<T extends Variant>(folder: string, except: string): Promise<T[]> {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith(".ts") && file !== except)
    .sort();
  const load = async (file: string) =>
    (await import(/* @vite-ignore */ join(folder, file))) as { default: T };
  return (await Promise.all(files.map(load))).map((module) => module.default);
}

/**
 * `count` of them, others with each turn: they come round in the course of days, unless PHASEWISE_TEST_TURN sets it.
 * @param wanted Chooses by words of their names instead, more of them with "|" between; or "all".
 */
export function chosenOf<T extends Variant>(all: T[], count: number, wanted: string | undefined): T[] {
  if (wanted === "all") return all;
  if (wanted !== undefined) {
    const words = wanted.split("|");
    return all.filter(({ name }) => words.some((word) => name.includes(word)));
  }
  const tried = all.filter(({ untried }) => !untried);
  const turn = currentTurn();
  return Array.from({ length: Math.min(count, tried.length) }, (_, index) => {
    return tried[(turn * count + index) % tried.length]!;
  });
}
