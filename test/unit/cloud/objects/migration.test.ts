import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openStore } from "../../../../cloud/objects/store/store.ts";
import { temporaryDirectory } from "./storage.ts";

/** The first format, as clouds of that time have it on disk. */
const firstFormat = `
  CREATE TABLE buckets (name TEXT PRIMARY KEY, owner TEXT NOT NULL, created INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE objects (
    id INTEGER PRIMARY KEY, bucket TEXT NOT NULL REFERENCES buckets (name), key TEXT NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, headers TEXT NOT NULL, modified INTEGER NOT NULL, upload TEXT,
    UNIQUE (bucket, key)
  ) STRICT;
  CREATE TABLE pieces (
    object INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE, position INTEGER NOT NULL,
    blob TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (object, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pieces_by_blob ON pieces (blob);
  CREATE TABLE uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL REFERENCES buckets (name), key TEXT NOT NULL,
    headers TEXT NOT NULL, started INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX uploads_by_key ON uploads (bucket, key, id);
  CREATE TABLE parts (
    upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE, number INTEGER NOT NULL, blob TEXT NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL, PRIMARY KEY (upload, number)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX parts_by_blob ON parts (blob);
  PRAGMA user_version = 1;
  INSERT INTO buckets VALUES ('old', 'default', 1);
  INSERT INTO objects VALUES (7, 'old', 'backup', 5, 'tag', '{"content-type":"a/b"}', 2, NULL);
  INSERT INTO pieces VALUES (7, 0, 'aa-blob', 5);
  INSERT INTO uploads VALUES ('upload', 'old', 'big', '{}', 3);
`;

test("an index of the first format is taken over with all that is in it", async () => {
  const directory = temporaryDirectory();
  const database = new DatabaseSync(join(directory, "index.sqlite"));
  database.exec(firstFormat);
  database.close();
  mkdirSync(join(directory, "blobs/aa"), { recursive: true });
  writeFileSync(join(directory, "blobs/aa/aa-blob"), "bytes");
  let store = await openStore(directory);
  store.close();
  store = await openStore(directory);
  const { object, content } = store.objects.open("old", "backup");
  expect(object).toMatchObject({ version: "null", latest: true, etag: "tag", size: 5 });
  const chunks: Buffer[] = [];
  for await (const chunk of content.read(0, 5)) chunks.push(chunk);
  expect(String(Buffer.concat(chunks))).toBe("bytes");
  await content.release();
  expect(store.buckets.find("old")).toMatchObject({ versioning: "", lifecycle: [], lock: null });
  expect(store.uploads.find("old", "big", "upload")).toMatchObject({ key: "big", lock: {} });
  store.buckets.setVersioning("old", "Enabled");
  await store.objects.put("old", "backup", { pieces: [], etag: "", headers: {} });
  expect(store.objects.open("old", "backup", "null").object.etag).toBe("tag");
  store.close();
  rmSync(directory, { recursive: true });
});

test("one of a newer format is left alone", async () => {
  const directory = temporaryDirectory();
  const database = new DatabaseSync(join(directory, "index.sqlite"));
  database.exec("PRAGMA user_version = 99");
  database.close();
  await expect(openStore(directory)).rejects.toThrow(
    /was written by a newer version of this program \(its format is 99, this one knows 2\)\. Nothing was changed\./,
  );
  rmSync(directory, { recursive: true });
});
