import { createHash, randomBytes } from "node:crypto";
import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { noSuchBucket, noSuchUpload, S3Error } from "../protocol/errors.ts";
import type { Blob, Blobs } from "./blobs.ts";
import { transact } from "./database.ts";
import { successor } from "./keys.ts";
import type { VersionLock } from "./lock.ts";
import type { Condition } from "./objects.ts";
import { addVersion, findByUpload, findObject, type ObjectHeaders, type StoredObject } from "./versions.ts";

/** A multipart upload that is neither completed nor aborted. */
export interface Upload {
  id: string;
  key: string;
  headers: ObjectHeaders;
  /** What the object gets that it will make. */
  lock: Partial<VersionLock>;
  /** Milliseconds since 1970. */
  started: number;
}

export interface Part {
  /** 1 to 10,000. */
  number: number;
  size: number;
  etag: string;
  modified: number;
}

/** A part as the client names it when it completes the upload; `etag` without quotes. */
export interface NamedPart {
  number: number;
  etag: string;
}

/** The least size of every part but the last, as at S3. */
const minimalPart = 5 * 1024 * 1024;

export class Uploads {
  readonly #database: DatabaseSync;
  readonly #blobs: Blobs;
  readonly #now: () => number;

  constructor(database: DatabaseSync, blobs: Blobs, now: () => number) {
    this.#database = database;
    this.#blobs = blobs;
    this.#now = now;
  }

  /** Returns the new upload's id. */
  start(bucket: string, key: string, headers: ObjectHeaders, lock: Partial<VersionLock> = {}): string {
    const id = randomBytes(24).toString("base64url");
    const { changes } = this.#database
      .prepare(
        "INSERT INTO uploads (id, bucket, key, headers, lock, started) SELECT ?, name, ?, ?, ?, ? FROM buckets WHERE name = ?",
      )
      .run(id, key, JSON.stringify(headers), JSON.stringify(lock), this.#now(), bucket);
    if (changes === 0) throw noSuchBucket(bucket);
    return id;
  }

  /** @throws S3Error NoSuchUpload. */
  find(bucket: string, key: string, id: string): Upload {
    const row = this.#database
      .prepare("SELECT * FROM uploads WHERE id = ? AND bucket = ? AND key = ?")
      .get(id, bucket, key);
    if (row === undefined) throw noSuchUpload(id);
    return toUpload(row);
  }

  /** Uploads of a bucket by key and id. `next`, where there is more, is the last one given. */
  list(
    bucket: string,
    options: { prefix: string; afterKey: string; afterId: string; limit: number },
  ): { uploads: Upload[]; next: Upload | null } {
    const { prefix, afterKey, afterId, limit } = options;
    if (limit === 0) return { uploads: [], next: null };
    // Without an id, all uploads of the marker's key are behind us.
    const behind = afterId === "" ? "key > :afterKey" : "(key, id) > (:afterKey, :afterId)";
    const rows = this.#database
      .prepare(
        `SELECT * FROM uploads WHERE bucket = :bucket AND key >= :prefix AND ${behind} ` +
          "AND (:end IS NULL OR key < :end) ORDER BY key, id LIMIT :limit",
      )
      .all({
        bucket,
        prefix,
        afterKey,
        ...(afterId === "" ? {} : { afterId }),
        end: successor(prefix),
        limit: limit + 1,
      });
    const uploads = rows.slice(0, limit).map(toUpload);
    return { uploads, next: rows.length > limit ? uploads.at(-1)! : null };
  }

  /** Puts a part in the place of what was there under its number. When it throws, its file is removed. */
  async putPart(upload: string, number: number, part: Blob): Promise<Part> {
    const modified = this.#now();
    try {
      const replaced = transact(this.#database, () => {
        const old = this.#database
          .prepare("SELECT blob FROM parts WHERE upload = ? AND number = ?")
          .get(upload, number);
        if (this.#database.prepare("SELECT 1 FROM uploads WHERE id = ?").get(upload) === undefined) {
          throw noSuchUpload(upload);
        }
        this.#database
          .prepare(
            "INSERT OR REPLACE INTO parts (upload, number, blob, size, etag, modified) VALUES (?, ?, ?, ?, ?, ?)",
          )
          .run(upload, number, part.blob, part.size, part.md5, modified);
        return old === undefined ? [] : [old.blob as string];
      });
      await this.#blobs.remove(replaced);
    } catch (error) {
      await this.#blobs.remove([part.blob]);
      throw error;
    }
    return { number, size: part.size, etag: part.md5, modified };
  }

  /** Parts after number `after`; `next`, where there is more, is the last number given. */
  parts(upload: string, after: number, limit: number): { parts: Part[]; next: number | null } {
    if (limit === 0) return { parts: [], next: null };
    const rows = this.#database
      .prepare(
        "SELECT number, size, etag, modified FROM parts WHERE upload = ? AND number > ? ORDER BY number LIMIT ?",
      )
      .all(upload, after, limit + 1) as unknown as Part[];
    const parts = rows.slice(0, limit);
    return { parts, next: rows.length > limit ? parts.at(-1)!.number : null };
  }

  /**
   * Makes the object of the named parts and drops the others. May be repeated with the same upload while the
   * object that it made is there: a client that did not get the answer asks again.
   * @throws S3Error NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall; whatever `condition` throws.
   */
  async complete(
    bucket: string,
    key: string,
    id: string,
    named: readonly NamedPart[],
    condition?: Condition,
  ): Promise<StoredObject> {
    const done = findByUpload(this.#database, bucket, key, id);
    if (done !== undefined) return done.object;
    const { stored, lost } = transact(this.#database, () => {
      const { headers, lock } = this.find(bucket, key, id);
      const rows = this.#database
        .prepare("SELECT number, blob, size, etag FROM parts WHERE upload = ?")
        .all(id) as unknown as StoredPart[];
      const chosen = choose(rows, named);
      condition?.(findObject(this.#database, bucket, key)?.object);
      const { stored, replaced } = addVersion(
        this.#database,
        bucket,
        key,
        { pieces: chosen, etag: multipartTag(chosen), headers, upload: id, lock },
        this.#now(),
      );
      this.#database.prepare("DELETE FROM uploads WHERE id = ?").run(id);
      const used = new Set(chosen.map(({ blob }) => blob));
      const unused = rows.map(({ blob }) => blob).filter((blob) => !used.has(blob));
      return { stored, lost: [...replaced, ...unused] };
    });
    await this.#blobs.remove(lost);
    return stored;
  }

  /** @throws S3Error NoSuchUpload. */
  async abort(bucket: string, key: string, id: string): Promise<void> {
    const lost = transact(this.#database, () => {
      this.find(bucket, key, id);
      const parts = this.#database.prepare("SELECT blob FROM parts WHERE upload = ?").all(id);
      this.#database.prepare("DELETE FROM uploads WHERE id = ?").run(id);
      return parts.map(({ blob }) => blob as string);
    });
    await this.#blobs.remove(lost);
  }
}

function toUpload(row: Record<string, SQLOutputValue>): Upload {
  return {
    id: row.id as string,
    key: row.key as string,
    headers: JSON.parse(row.headers as string) as ObjectHeaders,
    lock: row.lock === null ? {} : (JSON.parse(row.lock as string) as Partial<VersionLock>),
    started: row.started as number,
  };
}

interface StoredPart {
  number: number;
  blob: string;
  size: number;
  etag: string;
}

function choose(stored: readonly StoredPart[], named: readonly NamedPart[]): StoredPart[] {
  if (named.some(({ number }, index) => index > 0 && number <= named[index - 1]!.number)) {
    throw new S3Error(
      "InvalidPartOrder",
      "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
    );
  }
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  return named.map(({ number, etag }, index) => {
    const part = byNumber.get(number);
    if (part === undefined || part.etag !== etag) {
      throw new S3Error(
        "InvalidPart",
        "One or more of the specified parts could not be found. The part might not have been uploaded, or the " +
          "specified entity tag might not have matched the part's entity tag.",
        { PartNumber: String(number), ETag: etag },
      );
    }
    if (part.size < minimalPart && index < named.length - 1) {
      throw new S3Error(
        "EntityTooSmall",
        "Your proposed upload is smaller than the minimum allowed size of 5 MiB for every part but the last.",
        { PartNumber: String(number), ProposedSize: String(part.size), MinSizeAllowed: String(minimalPart) },
      );
    }
    return part;
  });
}

/** As S3 does: the MD5 of the parts' MD5s, and their number. */
function multipartTag(parts: readonly StoredPart[]): string {
  const md5 = createHash("md5");
  for (const { etag } of parts) md5.update(Buffer.from(etag, "hex"));
  return `${md5.digest("hex")}-${parts.length}`;
}
