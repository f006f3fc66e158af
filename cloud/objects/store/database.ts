import { DatabaseSync } from "node:sqlite";

/**
 * - An object is a list of pieces, each a file below `blobs`: one for a plain upload, one a part for a multipart
 *   upload. `headers` is JSON. `upload` is the multipart upload that made it, so that completing can be repeated.
 * - Texts are compared by their UTF-8 bytes (SQLite's BINARY collation), which is S3's order of keys.
 * - Times are milliseconds since 1970.
 */
const firstFormat = `
  CREATE TABLE buckets (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL, created INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    headers TEXT NOT NULL,
    modified INTEGER NOT NULL,
    upload TEXT,
    UNIQUE (bucket, key)
  ) STRICT;
  CREATE TABLE pieces (
    object INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    blob TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (object, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pieces_by_blob ON pieces (blob);
  CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key TEXT NOT NULL,
    headers TEXT NOT NULL,
    started INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX uploads_by_key ON uploads (bucket, key, id);
  CREATE TABLE parts (
    upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    blob TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified INTEGER NOT NULL,
    PRIMARY KEY (upload, number)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX parts_by_blob ON parts (blob);
`;

/**
 * - A key has versions, the newest with the highest id; `latest` marks it. `plain` is the version called "null", of
 *   which a key has one at most. `marker` is a delete marker: it has no content.
 * - A bucket's `versioning` is "", "Enabled" or "Suspended"; `lifecycle` and `lock` are JSON, as in lifecycle.ts and
 *   lock.ts. A version's retention is `lock_mode` until `lock_until`.
 */
const versionedFormat = `
  CREATE TABLE versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key TEXT NOT NULL,
    plain INTEGER NOT NULL,
    marker INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    headers TEXT NOT NULL,
    modified INTEGER NOT NULL,
    upload TEXT,
    lock_mode TEXT,
    lock_until INTEGER,
    legal_hold INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  INSERT INTO versions (id, bucket, key, plain, marker, latest, size, etag, headers, modified, upload)
    SELECT id, bucket, key, 1, 0, 1, size, etag, headers, modified, upload FROM objects;
  CREATE UNIQUE INDEX versions_by_key ON versions (bucket, key, id DESC);
  CREATE UNIQUE INDEX latest_versions ON versions (bucket, key) WHERE latest = 1;
  CREATE UNIQUE INDEX plain_versions ON versions (bucket, key) WHERE plain = 1;
  CREATE TABLE version_pieces (
    object INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    blob TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (object, position)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO version_pieces SELECT object, position, blob, size FROM pieces;
  DROP TABLE pieces;
  DROP TABLE objects;
  ALTER TABLE version_pieces RENAME TO pieces;
  CREATE INDEX pieces_by_blob ON pieces (blob);
  ALTER TABLE buckets ADD COLUMN versioning TEXT NOT NULL DEFAULT '';
  ALTER TABLE buckets ADD COLUMN lifecycle TEXT;
  ALTER TABLE buckets ADD COLUMN lock TEXT;
  ALTER TABLE uploads ADD COLUMN lock TEXT;
`;

/** Each brings an index to the format whose number is its place in this list, from 1. */
const formats = [firstFormat, versionedFormat];

/**
 * Opens the index of the object store, making it where there is none. It belongs to one process at a time, by a
 * lock that ends with that process; every transaction is on disk when it returns.
 * @throws Error for people, when another process has it or a newer version of the schema made it.
 */
export function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: true });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    transact(database, () => migrate(database, path));
    return database;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== busy) throw error;
    throw new Error(
      `The object storage in ${path} is in use by another process. Nothing was changed. ` +
        "One cloud daemon at a time can have it: stop the other one first.",
      { cause: error },
    );
  }
}

/** SQLITE_BUSY. */
const busy = 5;

function migrate(database: DatabaseSync, path: string): void {
  const version = database.prepare("PRAGMA user_version").get()?.user_version as number;
  if (version > formats.length) {
    throw new Error(
      `The object storage in ${path} was written by a newer version of this program ` +
        `(its format is ${version}, this one knows ${formats.length}). Nothing was changed. ` +
        "Run the version that made it, or destroy the embedded cloud and start anew.",
    );
  }
  for (const format of formats.slice(version)) database.exec(format);
  database.exec(`PRAGMA user_version = ${formats.length}`);
}

/** Runs `body` as a whole or not at all. It must not wait for anything. */
export function transact<T>(database: DatabaseSync, body: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
