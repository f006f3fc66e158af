import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Blobs } from "./blobs.ts";
import { Buckets } from "./buckets.ts";
import { openDatabase } from "./database.ts";
import { Expiry } from "./expiry.ts";
import { Objects } from "./objects.ts";
import { Uploads } from "./uploads.ts";

/**
 * Buckets and objects on disk. Content is written to files first, then the index refers to it in one transaction:
 * at any moment, also after a crash, an object is either the whole old one or the whole new one.
 */
export interface Store {
  buckets: Buckets;
  objects: Objects;
  uploads: Uploads;
  blobs: Blobs;
  /** What the lifecycle rules ask for. */
  expiry: Expiry;
  /** Throws when the index cannot be read any more. */
  probe(): void;
  close(): void;
}

/**
 * Opens the store in `directory`, makes it where there is none and removes what a dead process left half-written.
 * @throws Error for people, when another process has it.
 */
export async function openStore(directory: string, now: () => number = Date.now): Promise<Store> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const database = openDatabase(join(directory, "index.sqlite"));
  try {
    const blobs = new Blobs(join(directory, "blobs"));
    const known = database.prepare(
      "SELECT 1 FROM pieces WHERE blob = :blob UNION ALL SELECT 1 FROM parts WHERE blob = :blob",
    );
    await blobs.sweep((blob) => known.get({ blob }) !== undefined);
    return {
      buckets: new Buckets(database, blobs, now),
      objects: new Objects(database, blobs, now),
      uploads: new Uploads(database, blobs, now),
      blobs,
      expiry: new Expiry(database, blobs, now),
      probe: () => void database.prepare("SELECT count(*) FROM buckets").get(),
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}
