import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { noSuchBucket } from "../protocol/errors.ts";
import type { Piece } from "./blobs.ts";
import { type Bucket, findBucket } from "./buckets.ts";
import { isLocked, locked, lockOfNew, unlocked, type VersionLock } from "./lock.ts";

/**
 * Versions of keys, as rows of the index. All functions are to be called inside a transaction of the caller where
 * they change something, and return the files that nothing refers to any more.
 */

/** Headers that are given back with an object: Content-Type and the like, and x-amz-meta-*. Lower-case names. */
export type ObjectHeaders = Record<string, string>;

export interface StoredObject {
  key: string;
  /** "null" for the version of a bucket that keeps none. */
  version: string;
  /** Whether it only says that the key was deleted. */
  marker: boolean;
  /** Whether it is the newest. */
  latest: boolean;
  /** In bytes. */
  size: number;
  /** Without quotes. */
  etag: string;
  headers: ObjectHeaders;
  /** Milliseconds since 1970. */
  modified: number;
  lock: VersionLock;
}

/** What a new version is made of. */
export interface NewObject {
  pieces: Piece[];
  etag: string;
  headers: ObjectHeaders;
  /** The multipart upload that it comes from. */
  upload?: string;
  /** What it asks for; the bucket's default holds for what is missing. */
  lock?: Partial<VersionLock>;
}

export interface Found {
  id: number;
  object: StoredObject;
}

/** The name of the version that has none of its own. */
export const nullVersion = "null";

/**
 * The name of a version, from its place in the order of all versions: a listing goes on where it ended also when
 * the version that it named last is gone. It is never only digits, which a reader could take for a number.
 */
export function versionName(id: number): string {
  return `v${id.toString(36).padStart(12, "0")}`;
}

/** The place that a version's name stands for; undefined where it is no name. */
export function versionPlace(name: string): number | undefined {
  return /^v[0-9a-z]{12}$/.test(name) ? Number.parseInt(name.slice(1), 36) : undefined;
}

/** The newest version, be it a delete marker. */
export function findLatest(database: DatabaseSync, bucket: string, key: string): Found | undefined {
  return toFound(
    database.prepare("SELECT * FROM versions WHERE bucket = ? AND key = ? AND latest = 1").get(bucket, key),
  );
}

/** The object that is there now: none where the newest version is a delete marker. */
export function findObject(database: DatabaseSync, bucket: string, key: string): Found | undefined {
  const found = findLatest(database, bucket, key);
  return found?.object.marker ? undefined : found;
}

export function findVersion(
  database: DatabaseSync,
  bucket: string,
  key: string,
  version: string,
): Found | undefined {
  const place = versionPlace(version);
  if (version !== nullVersion && place === undefined) return undefined;
  const [which, value] = version === nullVersion ? ["plain = ?", 1] : ["plain = 0 AND id = ?", place!];
  return toFound(
    database
      .prepare(`SELECT * FROM versions WHERE bucket = ? AND key = ? AND ${which}`)
      .get(bucket, key, value as number),
  );
}

/** The version that a multipart upload made. */
export function findByUpload(database: DatabaseSync, bucket: string, key: string, upload: string) {
  return toFound(
    database
      .prepare("SELECT * FROM versions WHERE bucket = ? AND key = ? AND upload = ?")
      .get(bucket, key, upload),
  );
}

/**
 * Makes an object the newest version of its key: beside the older ones where the bucket keeps them, else in the
 * place of the one that has no name of its own.
 * @throws S3Error NoSuchBucket.
 */
export function addVersion(
  database: DatabaseSync,
  bucket: string,
  key: string,
  object: NewObject,
  now: number,
): { stored: StoredObject; replaced: string[] } {
  const place = requireBucket(database, bucket);
  const lock = place.lock === null ? unlocked : lockOfNew(place.lock, object.lock ?? {}, now);
  const { pieces, etag, headers, upload = null } = object;
  const { id, replaced } = insert(database, place, key, { pieces, etag, headers, upload, lock }, now);
  return { stored: findById(database, id)!.object, replaced };
}

/**
 * A delete without a version: removes the object where the bucket keeps no versions; else puts a delete marker on
 * top, whose name it returns.
 * @throws S3Error NoSuchBucket.
 */
export function hide(
  database: DatabaseSync,
  bucket: string,
  key: string,
  now: number,
): { marker: string | null; lost: string[] } {
  const place = requireBucket(database, bucket);
  if (place.versioning === "") return { marker: null, lost: removePlain(database, bucket, key) };
  const { id, replaced } = insert(database, place, key, null, now);
  return { marker: findById(database, id)!.object.version, lost: replaced };
}

/** Removes a version for good. @throws S3Error AccessDenied where it is locked. */
export function removeVersion(
  database: DatabaseSync,
  bucket: string,
  { id, object }: Found,
  now: number,
  bypass: boolean,
): string[] {
  if (isLocked(object.lock, now, bypass)) throw locked();
  const lost = removeById(database, id);
  if (object.latest) {
    database
      .prepare(
        "UPDATE versions SET latest = 1 WHERE id = " +
          "(SELECT id FROM versions WHERE bucket = ? AND key = ? ORDER BY id DESC LIMIT 1)",
      )
      .run(bucket, object.key);
  }
  return lost;
}

function requireBucket(database: DatabaseSync, name: string): Bucket {
  const bucket = findBucket(database, name);
  if (bucket === undefined) throw noSuchBucket(name);
  return bucket;
}

/** @param content null makes a delete marker. */
function insert(
  database: DatabaseSync,
  { name: bucket, versioning }: Bucket,
  key: string,
  content: (Omit<NewObject, "upload" | "lock"> & { upload: string | null; lock: VersionLock }) | null,
  now: number,
): { id: number; replaced: string[] } {
  const plain = versioning !== "Enabled";
  const replaced = plain ? removePlain(database, bucket, key) : [];
  database
    .prepare("UPDATE versions SET latest = 0 WHERE bucket = ? AND key = ? AND latest = 1")
    .run(bucket, key);
  const { pieces, etag, headers, upload, lock } = content ?? {
    pieces: [],
    etag: "",
    headers: {},
    upload: null,
    lock: unlocked,
  };
  const { lastInsertRowid } = database
    .prepare(
      "INSERT INTO versions (bucket, key, plain, marker, latest, size, etag, headers, modified, upload, " +
        "lock_mode, lock_until, legal_hold) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .run(
      bucket,
      key,
      Number(plain),
      Number(content === null),
      pieces.reduce((sum, piece) => sum + piece.size, 0),
      etag,
      JSON.stringify(headers),
      now,
      upload,
      lock.retention?.mode ?? null,
      lock.retention?.until ?? null,
      Number(lock.legalHold),
    );
  const id = Number(lastInsertRowid);
  const piece = database.prepare("INSERT INTO pieces (object, position, blob, size) VALUES (?, ?, ?, ?)");
  for (const [position, { blob, size }] of pieces.entries()) piece.run(id, position, blob, size);
  return { id, replaced };
}

/** A version without a name of its own cannot be locked: locks need a bucket that keeps versions. */
function removePlain(database: DatabaseSync, bucket: string, key: string): string[] {
  const found = findVersion(database, bucket, key, nullVersion);
  return found === undefined ? [] : removeById(database, found.id);
}

function removeById(database: DatabaseSync, id: number): string[] {
  const pieces = database.prepare("SELECT blob FROM pieces WHERE object = ?").all(id);
  database.prepare("DELETE FROM versions WHERE id = ?").run(id);
  return pieces.map(({ blob }) => blob as string);
}

function findById(database: DatabaseSync, id: number): Found | undefined {
  return toFound(database.prepare("SELECT * FROM versions WHERE id = ?").get(id));
}

function toFound(row: Record<string, SQLOutputValue> | undefined): Found | undefined {
  return row === undefined ? undefined : { id: row.id as number, object: toObject(row) };
}

export function toObject(row: Record<string, SQLOutputValue>): StoredObject {
  return {
    key: row.key as string,
    version: row.plain === 1 ? nullVersion : versionName(row.id as number),
    marker: row.marker === 1,
    latest: row.latest === 1,
    size: row.size as number,
    etag: row.etag as string,
    headers: JSON.parse(row.headers as string) as ObjectHeaders,
    modified: row.modified as number,
    lock: {
      retention:
        row.lock_mode === null
          ? null
          : { mode: row.lock_mode as "GOVERNANCE" | "COMPLIANCE", until: row.lock_until as number },
      legalHold: row.legal_hold === 1,
    },
  };
}
