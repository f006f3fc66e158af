import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * What was acknowledged, kept outside the database that is to be judged by it: a folder of a run, one file for each
 * process that wrote, one number a line.
 */
export interface Segment {
  name: string;
  acknowledged: number[];
}

/** Appends to a segment of its own; a line is with the kernel when `add` returns, so a kill loses none. */
export class LedgerWriter {
  readonly #file: number;

  constructor(folder: string, segment: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#file = openSync(join(folder, segment), "ax", 0o600);
  }

  add(number: number): void {
    writeSync(this.#file, `${number}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** All segments of a run; none where there is no such folder. A last line that was cut off was never acknowledged. */
export async function readLedger(folder: string): Promise<Segment[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return Promise.all(
    names.sort().map(async (name) => {
      const lines = (await readFile(join(folder, name), "utf8")).split("\n").slice(0, -1);
      return { name, acknowledged: lines.map(Number) };
    }),
  );
}

/** Removes the segments that were begun before a moment: their names begin with it, in milliseconds. */
export function removeOldSegments(folder: string, before: Date): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder))
    if (Number(name.split("-")[0]) < before.getTime()) rmSync(join(folder, name));
}

export async function removeLedger(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
