import type { DatabaseSync } from "node:sqlite";
import { setImmediate as others } from "node:timers/promises";
import type { Blobs } from "./blobs.ts";
import { findBucket } from "./buckets.ts";
import { transact } from "./database.ts";
import { expiryOf, isAbandoned, type Rule } from "./lifecycle.ts";
import { isLocked } from "./lock.ts";
import { hide, removeVersion, toObject } from "./versions.ts";

/** Keys, or uploads, that are looked at in one transaction; requests are answered between two of them. */
const pageSize = 500;

/** What the rules of all buckets have removed. */
export interface Expired {
  /** Current versions: deleted, or hidden behind a delete marker. */
  objects: number;
  /** Older versions and delete markers. */
  versions: number;
  uploads: number;
}

/**
 * Does what the lifecycle rules of the buckets ask for. It can end at any moment: what is left is done next time.
 */
export class Expiry {
  readonly #database: DatabaseSync;
  readonly #blobs: Blobs;
  readonly #now: () => number;

  constructor(database: DatabaseSync, blobs: Blobs, now: () => number) {
    this.#database = database;
    this.#blobs = blobs;
    this.#now = now;
  }

  /** @param signal ends it between two pages */
  async run(signal?: AbortSignal): Promise<Expired> {
    const expired: Expired = { objects: 0, versions: 0, uploads: 0 };
    const buckets = this.#database.prepare("SELECT name FROM buckets WHERE lifecycle IS NOT NULL").all();
    for (const { name } of buckets) {
      for (const page of [this.#versionPage, this.#uploadPage]) {
        let after: string | null = "";
        while (after !== null && signal?.aborted !== true) {
          const lost: string[] = [];
          const from: string = after;
          after = transact(this.#database, () => page.call(this, name as string, from, expired, lost));
          await this.#blobs.remove(lost);
          await others();
        }
      }
    }
    return expired;
  }

  /** @returns the last key looked at; null at the end */
  #versionPage(bucket: string, after: string, expired: Expired, lost: string[]): string | null {
    const place = findBucket(this.#database, bucket);
    if (place === undefined || place.lifecycle.length === 0) return null;
    const keys = this.#database
      .prepare("SELECT DISTINCT key FROM versions WHERE bucket = ? AND key > ? ORDER BY key LIMIT ?")
      .all(bucket, after, pageSize)
      .map(({ key }) => key as string);
    for (const key of keys) this.#key(bucket, key, place.lifecycle, expired, lost);
    return keys.length < pageSize ? null : keys.at(-1)!;
  }

  #key(bucket: string, key: string, rules: Rule[], expired: Expired, lost: string[]): void {
    const now = this.#now();
    const found = this.#database
      .prepare("SELECT * FROM versions WHERE bucket = ? AND key = ? ORDER BY id DESC")
      .all(bucket, key)
      .map((row) => ({ id: row.id as number, object: toObject(row) }));
    const { hide: hidden, remove } = expiryOf(
      rules,
      key,
      found.map(({ id, object: { marker, modified } }) => ({ id, marker, modified })),
      now,
    );
    for (const version of found) {
      if (!remove.includes(version.id) || isLocked(version.object.lock, now, false)) continue;
      lost.push(...removeVersion(this.#database, bucket, version, now, false));
      expired.versions++;
    }
    if (!hidden) return;
    lost.push(...hide(this.#database, bucket, key, now).lost);
    expired.objects++;
  }

  #uploadPage(bucket: string, after: string, expired: Expired, lost: string[]): string | null {
    const rules = findBucket(this.#database, bucket)?.lifecycle ?? [];
    const uploads = this.#database
      .prepare("SELECT id, key, started FROM uploads WHERE bucket = ? AND id > ? ORDER BY id LIMIT ?")
      .all(bucket, after, pageSize) as unknown as { id: string; key: string; started: number }[];
    for (const upload of uploads) {
      if (!isAbandoned(rules, upload, this.#now())) continue;
      const parts = this.#database.prepare("SELECT blob FROM parts WHERE upload = ?").all(upload.id);
      lost.push(...parts.map(({ blob }) => blob as string));
      this.#database.prepare("DELETE FROM uploads WHERE id = ?").run(upload.id);
      expired.uploads++;
    }
    return uploads.length < pageSize ? null : uploads.at(-1)!.id;
  }
}
