import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { noSuchBucket } from "../protocol/errors.ts";
import type { Blobs, Piece } from "./blobs.ts";
import { transact } from "./database.ts";
import { commonPrefix, successor } from "./keys.ts";

/** Headers that are given back with an object: Content-Type and the like, and x-amz-meta-*. Lower-case names. */
export type ObjectHeaders = Record<string, string>;

export interface StoredObject {
  key: string;
  /** In bytes. */
  size: number;
  /** Without quotes. */
  etag: string;
  headers: ObjectHeaders;
  /** Milliseconds since 1970. */
  modified: number;
}

/** What a new object is made of. */
export interface NewObject {
  pieces: Piece[];
  etag: string;
  headers: ObjectHeaders;
  /** The multipart upload that it comes from. */
  upload?: string;
}

export interface ListOptions {
  prefix: string;
  /** Keys that have it behind the prefix are given once, as a common prefix. Empty: all keys are given. */
  delimiter: string;
  /** Only what comes after it; a common prefix that equals it is left out too. Empty: from the start. */
  after: string;
  limit: number;
}

export interface Listing {
  objects: StoredObject[];
  commonPrefixes: string[];
  /** Where there is more: the last key or common prefix given, as `after` for the next page. Else null. */
  next: string | null;
}

/** Breaks off a change by throwing; gets the object that is there now. */
export type Condition = (current: StoredObject | undefined) => void;

export class Objects {
  readonly #database: DatabaseSync;
  readonly #blobs: Blobs;
  readonly #now: () => number;

  constructor(database: DatabaseSync, blobs: Blobs, now: () => number) {
    this.#database = database;
    this.#blobs = blobs;
    this.#now = now;
  }

  find(bucket: string, key: string): StoredObject | undefined {
    return findObject(this.#database, bucket, key)?.object;
  }

  /** The object and a lease of its content, which the caller has to release. */
  open(bucket: string, key: string) {
    const found = findObject(this.#database, bucket, key);
    if (found === undefined) return undefined;
    const pieces = this.#database
      .prepare("SELECT blob, size FROM pieces WHERE object = ? ORDER BY position")
      .all(found.id) as unknown as Piece[];
    return { object: found.object, content: this.#blobs.lease(pieces) };
  }

  /**
   * Puts an object in the place of what was there. When it throws, its pieces are removed.
   * @throws S3Error NoSuchBucket; whatever `condition` throws.
   */
  async put(bucket: string, key: string, object: NewObject, condition?: Condition): Promise<StoredObject> {
    try {
      const { stored, replaced } = transact(this.#database, () => {
        condition?.(this.find(bucket, key));
        return replaceObject(this.#database, bucket, key, object, this.#now());
      });
      await this.#blobs.remove(replaced);
      return stored;
    } catch (error) {
      await this.#blobs.remove(object.pieces.map(({ blob }) => blob));
      throw error;
    }
  }

  /** Removes what there is of `keys`, all or nothing. */
  async remove(bucket: string, keys: readonly string[]): Promise<void> {
    const lost = transact(this.#database, () =>
      keys.flatMap((key) => removeObject(this.#database, bucket, key)),
    );
    await this.#blobs.remove(lost);
  }

  /** Objects and common prefixes in the order of their keys' UTF-8 bytes, `limit` in all. */
  list(bucket: string, options: ListOptions): Listing {
    const { prefix, delimiter, after, limit } = options;
    const listing: Listing = { objects: [], commonPrefixes: [], next: null };
    if (limit === 0) return listing;
    const statement = this.#database.prepare(
      "SELECT * FROM objects WHERE bucket = :bucket AND key >= :from AND key > :after " +
        "AND (:end IS NULL OR key < :end) ORDER BY key",
    );
    const end = successor(prefix);
    let from: string | null = prefix;
    let last: string | null = null;
    let count = 0;
    while (from !== null) {
      const page = statement.iterate({ bucket, from, after, end });
      from = null;
      for (const row of page) {
        const key = row.key as string;
        const folder = commonPrefix(key, prefix, delimiter);
        if (folder !== undefined && folder === after) {
          from = successor(folder);
          break;
        }
        if (count === limit) return { ...listing, next: last };
        count++;
        last = folder ?? key;
        if (folder === undefined) listing.objects.push(toObject(row));
        else {
          listing.commonPrefixes.push(folder);
          from = successor(folder);
          break;
        }
      }
    }
    return listing;
  }
}

/**
 * Puts an object in the place of what was there, inside a transaction of the caller. Returns the object and the
 * files that nothing refers to any more.
 * @throws S3Error NoSuchBucket.
 */
export function replaceObject(
  database: DatabaseSync,
  bucket: string,
  key: string,
  object: NewObject,
  now: number,
): { stored: StoredObject; replaced: string[] } {
  if (database.prepare("SELECT 1 FROM buckets WHERE name = ?").get(bucket) === undefined) {
    throw noSuchBucket(bucket);
  }
  const replaced = removeObject(database, bucket, key);
  const size = object.pieces.reduce((sum, piece) => sum + piece.size, 0);
  const { etag, headers } = object;
  const { lastInsertRowid: id } = database
    .prepare(
      "INSERT INTO objects (bucket, key, size, etag, headers, modified, upload) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .run(bucket, key, size, etag, JSON.stringify(headers), now, object.upload ?? null);
  const insert = database.prepare("INSERT INTO pieces (object, position, blob, size) VALUES (?, ?, ?, ?)");
  for (const [position, piece] of object.pieces.entries()) insert.run(id, position, piece.blob, piece.size);
  return { stored: { key, size, etag, headers, modified: now }, replaced };
}

function removeObject(database: DatabaseSync, bucket: string, key: string): string[] {
  const found = findObject(database, bucket, key);
  if (found === undefined) return [];
  const pieces = database.prepare("SELECT blob FROM pieces WHERE object = ?").all(found.id);
  database.prepare("DELETE FROM objects WHERE id = ?").run(found.id);
  return pieces.map(({ blob }) => blob as string);
}

export function findObject(database: DatabaseSync, bucket: string, key: string) {
  const row = database.prepare("SELECT * FROM objects WHERE bucket = ? AND key = ?").get(bucket, key);
  if (row === undefined) return undefined;
  return { id: row.id as number, upload: row.upload as string | null, object: toObject(row) };
}

function toObject(row: Record<string, SQLOutputValue>): StoredObject {
  return {
    key: row.key as string,
    size: row.size as number,
    etag: row.etag as string,
    headers: JSON.parse(row.headers as string) as ObjectHeaders,
    modified: row.modified as number,
  };
}
