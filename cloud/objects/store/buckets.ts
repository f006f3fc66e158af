import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { noSuchBucket, S3Error } from "../protocol/errors.ts";
import type { Blobs } from "./blobs.ts";
import { transact } from "./database.ts";
import type { Rule } from "./lifecycle.ts";
import type { BucketLock } from "./lock.ts";

export interface Bucket {
  name: string;
  /** Name of the account that it belongs to. */
  owner: string;
  /** Milliseconds since 1970. */
  created: number;
  versioning: Versioning;
  /** What is done to old objects and uploads. */
  lifecycle: Rule[];
  /** Null where the bucket was not made for object lock. */
  lock: BucketLock | null;
}

/** "" until versions are asked for; from then on they can be suspended only. */
export type Versioning = "" | "Enabled" | "Suspended";

export class Buckets {
  readonly #database: DatabaseSync;
  readonly #blobs: Blobs;
  readonly #now: () => number;

  constructor(database: DatabaseSync, blobs: Blobs, now: () => number) {
    this.#database = database;
    this.#blobs = blobs;
    this.#now = now;
  }

  find(name: string): Bucket | undefined {
    return findBucket(this.#database, name);
  }

  /** In the order of their names. */
  list(owner: string): Bucket[] {
    const rows = this.#database.prepare("SELECT * FROM buckets WHERE owner = ? ORDER BY name").all(owner);
    return rows.map(toBucket);
  }

  /**
   * @param locked whether its versions can be locked; they are kept from the start then
   * @throws S3Error when the name is taken.
   */
  create(name: string, owner: string, locked = false): void {
    const { changes } = this.#database
      .prepare(
        "INSERT INTO buckets (name, owner, created, versioning, lock) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      )
      .run(name, owner, this.#now(), locked ? "Enabled" : "", locked ? "{}" : null);
    if (changes === 1) return;
    throw this.find(name)?.owner === owner
      ? new S3Error(
          "BucketAlreadyOwnedByYou",
          "Your previous request to create the named bucket succeeded and you already own it.",
          { BucketName: name },
        )
      : new S3Error(
          "BucketAlreadyExists",
          "The requested bucket name is not available. The bucket namespace is shared by all users of the system. " +
            "Select a different name and try again.",
          { BucketName: name },
        );
  }

  /** @throws S3Error NoSuchBucket, InvalidBucketState for one whose versions may be locked. */
  setVersioning(name: string, versioning: Exclude<Versioning, "">): void {
    transact(this.#database, () => {
      const bucket = this.find(name);
      if (bucket === undefined) throw noSuchBucket(name);
      if (bucket.lock !== null && versioning !== "Enabled") {
        throw new S3Error(
          "InvalidBucketState",
          "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
        );
      }
      this.#database.prepare("UPDATE buckets SET versioning = ? WHERE name = ?").run(versioning, name);
    });
  }

  /** In the place of all rules that were there. @throws S3Error NoSuchBucket. */
  setLifecycle(name: string, rules: Rule[]): void {
    this.#set("lifecycle", name, rules.length === 0 ? null : JSON.stringify(rules));
  }

  /** @throws S3Error NoSuchBucket. */
  setLock(name: string, lock: BucketLock): void {
    this.#set("lock", name, JSON.stringify(lock));
  }

  #set(column: "lifecycle" | "lock", name: string, value: string | null): void {
    const { changes } = this.#database
      .prepare(`UPDATE buckets SET ${column} = ? WHERE name = ?`)
      .run(value, name);
    if (changes === 0) throw noSuchBucket(name);
  }

  /**
   * Removes an empty bucket, and what was uploaded of multipart uploads that nobody completed.
   * @throws S3Error BucketNotEmpty, NoSuchBucket.
   */
  async remove(name: string): Promise<void> {
    const lost = transact(this.#database, () => {
      if (this.#database.prepare("SELECT 1 FROM versions WHERE bucket = ? LIMIT 1").get(name) !== undefined) {
        throw new S3Error("BucketNotEmpty", "The bucket you tried to delete is not empty.", {
          BucketName: name,
        });
      }
      const parts = this.#database
        .prepare("SELECT blob FROM parts JOIN uploads ON uploads.id = parts.upload WHERE uploads.bucket = ?")
        .all(name);
      this.#database.prepare("DELETE FROM uploads WHERE bucket = ?").run(name);
      const { changes } = this.#database.prepare("DELETE FROM buckets WHERE name = ?").run(name);
      if (changes === 0) throw noSuchBucket(name);
      return parts.map(({ blob }) => blob as string);
    });
    await this.#blobs.remove(lost);
  }
}

export function findBucket(database: DatabaseSync, name: string): Bucket | undefined {
  const row = database.prepare("SELECT * FROM buckets WHERE name = ?").get(name);
  return row === undefined ? undefined : toBucket(row);
}

function toBucket(row: Record<string, SQLOutputValue>): Bucket {
  return {
    name: row.name as string,
    owner: row.owner as string,
    created: row.created as number,
    versioning: row.versioning as Versioning,
    lifecycle: row.lifecycle === null ? [] : (JSON.parse(row.lifecycle as string) as Rule[]),
    lock: row.lock === null ? null : (JSON.parse(row.lock as string) as BucketLock),
  };
}
