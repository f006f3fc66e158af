import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

const tryEveryMs = 30;

/** What the path stands for now; null: nothing. */
async function inode(path: string): Promise<number | null> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Takes the lock, or gives null when the file was removed while it was waited for. */
async function acquire(path: string, signal: AbortSignal | undefined): Promise<DatabaseSync | null> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(path);
  try {
    const opened = await inode(path);
    for (;;) {
      signal?.throwIfAborted();
      try {
        database.exec("BEGIN EXCLUSIVE");
        break;
      } catch (error) {
        // SQLite calls it an I/O error when the file was removed meanwhile.
        if ((await inode(path)) !== opened) break;
        if (!(error instanceof Error) || !/locked|busy/i.test(error.message)) throw error;
        await sleep(tryEveryMs);
      }
    }
    if (opened !== null && (await inode(path)) === opened) return database;
    database.close();
    return null;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Runs `body` while no other process, and no other caller of this one, does so with the same file. The lock is the
 * kernel's: it ends with the process that has it, however that ends. `body` may remove the file.
 *
 * @param path a file of its own, made with its folder where it is missing.
 */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  body: () => Promise<T>,
): Promise<T> {
  let database = await acquire(path, signal);
  while (!database) database = await acquire(path, signal);
  try {
    return await body();
  } finally {
    database.close();
  }
}
