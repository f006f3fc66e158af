import type { DatabaseSync } from "node:sqlite";
import { noSuchKey, noSuchVersion, S3Error } from "../protocol/errors.ts";
import type { Blobs, Lease, Piece } from "./blobs.ts";
import { transact } from "./database.ts";
import { commonPrefix, successor } from "./keys.ts";
import { requireChangeable, type VersionLock } from "./lock.ts";
import {
  addVersion,
  type Found,
  findLatest,
  findObject,
  findVersion,
  hide,
  type NewObject,
  nullVersion,
  removeVersion,
  type StoredObject,
  toObject,
  versionName,
  versionPlace,
} from "./versions.ts";

export type { NewObject, ObjectHeaders, StoredObject } from "./versions.ts";

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

export interface VersionListOptions extends ListOptions {
  /** Of `after`, the versions older than this one are given too; a name, or what `next` said. Empty: none. */
  afterVersion: string;
}

export interface VersionListing {
  /** By key, the newest first. */
  versions: StoredObject[];
  commonPrefixes: string[];
  next: { key: string; version: string } | null;
}

/** One delete that was asked for, and what came of it. */
export interface Deletion {
  key: string;
  /** Empty: a delete without a version. */
  version: string;
}

export interface Deleted extends Deletion {
  /** The delete marker that was put, or that was what was removed. */
  marker: string | null;
  /** Why it was refused. */
  refused?: S3Error;
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

  /**
   * An object or one of its versions, and a lease of its content, which the caller has to release.
   * @param version empty: the newest
   * @throws S3Error NoSuchKey, NoSuchVersion, MethodNotAllowed for a delete marker.
   */
  open(bucket: string, key: string, version = ""): { object: StoredObject; content: Lease } {
    const { id, object } = this.#require(bucket, key, version);
    const pieces = this.#database
      .prepare("SELECT blob, size FROM pieces WHERE object = ? ORDER BY position")
      .all(id) as unknown as Piece[];
    return { object, content: this.#blobs.lease(pieces) };
  }

  /**
   * Makes an object the newest of its key. When it throws, its pieces are removed.
   * @throws S3Error NoSuchBucket; whatever `condition` throws.
   */
  async put(bucket: string, key: string, object: NewObject, condition?: Condition): Promise<StoredObject> {
    try {
      const { stored, replaced } = transact(this.#database, () => {
        condition?.(this.find(bucket, key));
        return addVersion(this.#database, bucket, key, object, this.#now());
      });
      await this.#blobs.remove(replaced);
      return stored;
    } catch (error) {
      await this.#blobs.remove(object.pieces.map(({ blob }) => blob));
      throw error;
    }
  }

  /**
   * Deletes what is named, all in one transaction; what is locked is refused, the rest goes.
   * @param bypass lifts locks that may be lifted
   */
  async remove(bucket: string, wanted: readonly Deletion[], bypass = false): Promise<Deleted[]> {
    const now = this.#now();
    const lost: string[] = [];
    const deleted = transact(this.#database, () =>
      wanted.map((deletion) => this.#delete(bucket, deletion, now, bypass, lost)),
    );
    await this.#blobs.remove(lost);
    return deleted;
  }

  /** What keeps a version from being deleted. @throws S3Error NoSuchKey, NoSuchVersion, MethodNotAllowed. */
  lockOf(bucket: string, key: string, version: string): VersionLock {
    return this.#require(bucket, key, version).object.lock;
  }

  /** @throws S3Error as `lockOf`, and AccessDenied where a retention would become weaker. */
  setLock(bucket: string, key: string, version: string, change: Partial<VersionLock>, bypass: boolean): void {
    transact(this.#database, () => {
      const { id, object } = this.#require(bucket, key, version);
      const { retention, legalHold } = { ...object.lock, ...change };
      if (change.retention !== undefined) {
        requireChangeable(object.lock.retention, retention, this.#now(), bypass);
      }
      this.#database
        .prepare("UPDATE versions SET lock_mode = ?, lock_until = ?, legal_hold = ? WHERE id = ?")
        .run(retention?.mode ?? null, retention?.until ?? null, Number(legalHold), id);
    });
  }

  /** Objects and common prefixes in the order of their keys' UTF-8 bytes, `limit` in all. */
  list(bucket: string, options: ListOptions): Listing {
    const { prefix, delimiter, after, limit } = options;
    const listing: Listing = { objects: [], commonPrefixes: [], next: null };
    if (limit === 0) return listing;
    const statement = this.#database.prepare(
      "SELECT * FROM versions WHERE bucket = :bucket AND latest = 1 AND marker = 0 " +
        "AND key >= max(:from, :after) AND key > :after AND (:end IS NULL OR key < :end) ORDER BY key",
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

  /** Versions and delete markers, and common prefixes, `limit` in all. */
  listVersions(bucket: string, options: VersionListOptions): VersionListing {
    const { prefix, delimiter, after, limit } = options;
    const listing: VersionListing = { versions: [], commonPrefixes: [], next: null };
    if (limit === 0) return listing;
    const statement = this.#database.prepare(
      "SELECT * FROM versions WHERE bucket = :bucket AND key >= max(:from, :after) " +
        "AND (key > :after OR id < :place) AND (:end IS NULL OR key < :end) ORDER BY key, id DESC",
    );
    const place = this.#place(bucket, after, options.afterVersion);
    const end = successor(prefix);
    let from: string | null = prefix;
    let next: VersionListing["next"] = null;
    let count = 0;
    while (from !== null) {
      const page = statement.iterate({ bucket, from, after, place, end });
      from = null;
      for (const row of page) {
        const key = row.key as string;
        const folder = commonPrefix(key, prefix, delimiter);
        if (folder !== undefined && folder === after) {
          from = successor(folder);
          break;
        }
        if (count === limit) return { ...listing, next };
        count++;
        if (folder === undefined) {
          listing.versions.push(toObject(row));
          // Also for the version without a name: its place stays when it is deleted before the next page.
          next = { key, version: versionName(row.id as number) };
        } else {
          listing.commonPrefixes.push(folder);
          next = { key: folder, version: "" };
          from = successor(folder);
          break;
        }
      }
    }
    return listing;
  }

  /** Of the versions of `key`, those before this place come after `version`. */
  #place(bucket: string, key: string, version: string): number {
    if (version === "") return 0;
    if (version === nullVersion) return findVersion(this.#database, bucket, key, version)?.id ?? 0;
    const place = versionPlace(version);
    if (place !== undefined) return place;
    throw new S3Error("InvalidArgument", "Invalid version id specified", {
      ArgumentName: "version-id-marker",
      ArgumentValue: version,
    });
  }

  #require(bucket: string, key: string, version: string): Found {
    const found =
      version === ""
        ? findLatest(this.#database, bucket, key)
        : findVersion(this.#database, bucket, key, version);
    if (found === undefined) throw version === "" ? noSuchKey(key) : noSuchVersion(key, version);
    if (!found.object.marker) return found;
    const headers = { "x-amz-delete-marker": "true", "x-amz-version-id": found.object.version };
    if (version === "") throw noSuchKey(key, headers);
    throw new S3Error(
      "MethodNotAllowed",
      "The specified method is not allowed against this resource.",
      { Method: "GET", ResourceType: "DeleteMarker" },
      { ...headers, Allow: "DELETE" },
    );
  }

  #delete(bucket: string, deletion: Deletion, now: number, bypass: boolean, lost: string[]): Deleted {
    const { key, version } = deletion;
    if (version === "") {
      const { marker, lost: gone } = hide(this.#database, bucket, key, now);
      lost.push(...gone);
      return { ...deletion, marker };
    }
    const found = findVersion(this.#database, bucket, key, version);
    if (found === undefined) return { ...deletion, marker: null };
    try {
      lost.push(...removeVersion(this.#database, bucket, found, now, bypass));
      return { ...deletion, marker: found.object.marker ? version : null };
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      return { ...deletion, marker: null, refused: error };
    }
  }
}
