import { DatabaseSync } from "node:sqlite";

const schemaVersion = 1;

/**
 * - An object is a list of pieces, each a file below `blobs`: one for a plain upload, one a part for a multipart
 *   upload. `headers` is JSON. `upload` is the multipart upload that made it, so that completing can be repeated.
 * - Texts are compared by their UTF-8 bytes (SQLite's BINARY collation), which is S3's order of keys.
 * - Times are milliseconds since 1970.
 */
const schema = `
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
  PRAGMA user_version = ${schemaVersion};
`;

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
  if (version === 0) database.exec(schema);
  else if (version !== schemaVersion) {
    throw new Error(
      `The object storage in ${path} was written by another version of this program ` +
        `(its format is ${version}, this one knows ${schemaVersion}). Nothing was changed. ` +
        "Run the version that made it, or destroy the embedded cloud and start anew.",
    );
  }
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
