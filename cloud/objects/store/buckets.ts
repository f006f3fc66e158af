import type { DatabaseSync } from "node:sqlite";
import { noSuchBucket, S3Error } from "../protocol/errors.ts";
import type { Blobs } from "./blobs.ts";
import { transact } from "./database.ts";

export interface Bucket {
  name: string;
  /** Name of the account that it belongs to. */
  owner: string;
  /** Milliseconds since 1970. */
  created: number;
}

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
    return this.#database.prepare("SELECT * FROM buckets WHERE name = ?").get(name) as Bucket | undefined;
  }

  /** In the order of their names. */
  list(owner: string): Bucket[] {
    const rows = this.#database.prepare("SELECT * FROM buckets WHERE owner = ? ORDER BY name").all(owner);
    return rows as unknown as Bucket[];
  }

  /** @throws S3Error when the name is taken. */
  create(name: string, owner: string): void {
    const { changes } = this.#database
      .prepare("INSERT INTO buckets (name, owner, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
      .run(name, owner, this.#now());
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

  /**
   * Removes an empty bucket, and what was uploaded of multipart uploads that nobody completed.
   * @throws S3Error BucketNotEmpty, NoSuchBucket.
   */
  async remove(name: string): Promise<void> {
    const lost = transact(this.#database, () => {
      if (this.#database.prepare("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1").get(name) !== undefined) {
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
