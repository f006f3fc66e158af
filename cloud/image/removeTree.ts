import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** Removes a folder in which a builder that was just killed may still be writing. */
export async function removeTree(path: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rm(path, { recursive: true, force: true });
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== "ENOTEMPTY" && code !== "EBUSY") || attempt >= 50) throw error;
      await sleep(100);
    }
  }
}
