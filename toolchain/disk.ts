import { mkdir, statfs } from "node:fs/promises";
import { Problem } from "./problem.ts";

/** Bytes that this user may still write where the folder lies; the folder is made where it is missing. */
export async function freeBytes(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const stats = await statfs(folder);
  return stats.bavail * stats.bsize;
}

/**
 * @param needed Bytes.
 * @param purpose What the room is for, as "building the Pulumi CLI".
 * @throws Problem where there is less.
 */
export async function requireSpace(folder: string, needed: number, purpose: string): Promise<void> {
  const free = await freeBytes(folder);
  if (free >= needed) return;
  throw new Problem({
    happened: `There is not enough room on the disk for ${purpose}: ${folder} has ${gigabytes(free)} GB free, ${gigabytes(needed)} GB are needed.`,
    left: "Nothing was changed.",
    todo: [
      "Free some room, or put the cache on another disk: PHASEWISE_CACHE=/path/on/another/disk (and PHASEWISE_DIR for the data).",
    ],
  });
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}
