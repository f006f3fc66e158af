import { rmSync } from "node:fs";
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketLifecycleCommand,
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expiryOf, isDue, type Rule } from "../../../../cloud/objects/store/lifecycle.ts";
import { openStore, type Store } from "../../../../cloud/objects/store/store.ts";
import { s3Client, startTestStorage, type TestStorage, temporaryDirectory } from "./storage.ts";

const day = 24 * 3600_000;
const noon = Date.parse("2026-11-21T12:00:00Z");

describe("the rules", () => {
  const rule = (more: Partial<Rule>): Rule => ({ id: "r", enabled: true, prefix: "", ...more });
  const version = (id: number, age: number, marker = false) => ({ id, modified: noon - age * day, marker });

  test("count whole days and then wait for midnight", () => {
    expect(isDue(noon, 1, noon + 1.4 * day)).toBe(false);
    expect(isDue(noon, 1, noon + 1.5 * day)).toBe(true);
  });

  test.each([
    ["a young object stays", [rule({ expirationDays: 2 })], [version(1, 2)], false, []],
    ["an old object is deleted", [rule({ expirationDays: 2 })], [version(1, 3)], true, []],
    ["not where the rule is off", [rule({ expirationDays: 2, enabled: false })], [version(1, 9)], false, []],
    ["not under another prefix", [rule({ expirationDays: 2, prefix: "b" })], [version(1, 9)], false, []],
    ["from a day on", [rule({ expirationDate: noon - 1 })], [version(1, 0)], true, []],
    [
      "an older version counts from when it was replaced, not from when it was made",
      [rule({ noncurrentDays: 5 })],
      [version(3, 1), version(2, 7), version(1, 90)],
      false,
      [1],
    ],
    ["the current version is none of them", [rule({ noncurrentDays: 1 })], [version(1, 90)], false, []],
    [
      "a marker stays as long as it hides something",
      [rule({ removeMarkers: true })],
      [version(2, 9, true), version(1, 10)],
      false,
      [],
    ],
    [
      "and goes with the last version behind it",
      [rule({ removeMarkers: true, noncurrentDays: 5 })],
      [version(2, 9, true), version(1, 10)],
      false,
      [1, 2],
    ],
    [
      "a lonely marker expires like an object",
      [rule({ expirationDays: 2 })],
      [version(1, 3, true)],
      false,
      [1],
    ],
  ] as const)("%s", (_what, rules, versions, hide, remove) => {
    expect(expiryOf(rules, "a/key", [...versions], noon)).toEqual({ hide, remove: [...remove] });
  });
});

describe("the sweeper", () => {
  const directory = temporaryDirectory();
  let store: Store;
  let now = noon;
  let bucket: string;
  let count = 0;
  beforeAll(async () => {
    store = await openStore(directory, () => now);
  });
  afterAll(() => {
    store.close();
    rmSync(directory, { recursive: true });
  });
  beforeEach(() => {
    now = noon;
    bucket = `bucket-${++count}`;
    store.buckets.create(bucket, "me");
  });
  afterEach(() => store.buckets.setLifecycle(bucket, []));
  const put = async (key: string) => {
    const { md5, ...piece } = await store.blobs.write(
      (async function* () {
        yield Buffer.from(key);
      })(),
    );
    return await store.objects.put(bucket, key, { pieces: [piece], etag: md5, headers: {} });
  };
  const all = () => {
    const options = { prefix: "", delimiter: "", after: "", afterVersion: "", limit: 5000 };
    return store.objects.listVersions(bucket, options).versions;
  };
  const rules = (more: Partial<Rule>) =>
    store.buckets.setLifecycle(bucket, [{ id: "r", enabled: true, prefix: "", ...more }]);

  test("removes old objects, through many pages, and nothing else", async () => {
    rules({ expirationDays: 3, prefix: "old/" });
    for (let index = 0; index < 1100; index++) await put(`old/${index}`);
    await put("other");
    expect(await store.expiry.run()).toEqual({ objects: 0, versions: 0, uploads: 0 });
    now += 2 * day;
    await put("old/young");
    now += 2 * day;
    expect(await store.expiry.run()).toEqual({ objects: 1100, versions: 0, uploads: 0 });
    expect(all().map(({ key }) => key)).toEqual(["old/young", "other"]);
  }, 30_000);

  test("keeps what was deleted for as many days as the rule says, then frees its files", async () => {
    store.buckets.setVersioning(bucket, "Enabled");
    rules({ noncurrentDays: 7, removeMarkers: true });
    const { version } = await put("backup");
    await store.objects.remove(bucket, [{ key: "backup", version: "" }]);
    now += 7 * day;
    expect(await store.expiry.run()).toEqual({ objects: 0, versions: 0, uploads: 0 });
    const { content, object } = store.objects.open(bucket, "backup", version);
    expect(object.size).toBe(6);
    now += day;
    expect(await store.expiry.run()).toEqual({ objects: 0, versions: 2, uploads: 0 });
    expect(all()).toEqual([]);
    // Who reads it goes on to the end.
    const chunks: Buffer[] = [];
    for await (const chunk of content.read(0, 6)) chunks.push(chunk);
    expect(String(Buffer.concat(chunks))).toBe("backup");
    await content.release();
  });

  test("does not remove what is locked", async () => {
    store.buckets.create(`${bucket}-locked`, "me", true);
    bucket = `${bucket}-locked`;
    rules({ noncurrentDays: 1 });
    const retention = { mode: "GOVERNANCE" as const, until: noon + 30 * day };
    await store.objects.put(bucket, "k", { pieces: [], etag: "", headers: {}, lock: { retention } });
    await put("k");
    now += 20 * day;
    expect((await store.expiry.run()).versions).toBe(0);
    now += 20 * day;
    expect((await store.expiry.run()).versions).toBe(1);
  });

  test("gives up old uploads", async () => {
    rules({ abortDays: 7, prefix: "a" });
    const old = store.uploads.start(bucket, "a", {});
    store.uploads.start(bucket, "b", {});
    now += 8 * day;
    store.uploads.start(bucket, "a", {});
    expect(await store.expiry.run()).toEqual({ objects: 0, versions: 0, uploads: 1 });
    const left = store.uploads.list(bucket, { prefix: "", afterKey: "", afterId: "", limit: 10 }).uploads;
    expect(left.map(({ key }) => key)).toEqual(["a", "b"]);
    expect(left.map(({ id }) => id)).not.toContain(old);
  });
});

describe("lifecycle by the AWS SDK", () => {
  const Bucket = "lifecycle";
  let storage: TestStorage;
  let client: S3Client;
  let now = noon;
  beforeAll(async () => {
    storage = await startTestStorage(undefined, { now: () => new Date(now) });
    client = s3Client(storage.target);
    client.config.systemClockOffset = now - Date.now();
    await client.send(new CreateBucketCommand({ Bucket }));
  });
  afterAll(async () => {
    client.destroy();
    await storage.remove();
  });
  const set = (...Rules: LifecycleRule[]) =>
    client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
  const rules = async () => (await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules;

  test("rules come back as they were set, and go", async () => {
    await expect(rules()).rejects.toMatchObject({ name: "NoSuchLifecycleConfiguration" });
    const given: LifecycleRule[] = [
      {
        ID: "a",
        Status: "Enabled",
        Filter: { Prefix: "logs/" },
        Expiration: { Days: 3 },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
      },
      {
        ID: "b",
        Status: "Disabled",
        Filter: { Prefix: "" },
        NoncurrentVersionExpiration: { NoncurrentDays: 14 },
        Expiration: { ExpiredObjectDeleteMarker: true },
      },
    ];
    await set(...given);
    expect(await rules()).toEqual(given);
    await client.send(new DeleteBucketLifecycleCommand({ Bucket }));
    await expect(rules()).rejects.toMatchObject({ name: "NoSuchLifecycleConfiguration" });
  });

  const whole = { ID: "x", Status: "Enabled", Filter: {} } as const;
  test.each<[string, LifecycleRule, string]>([
    ["no action", whole, "InvalidRequest"],
    ["no days", { ...whole, Expiration: { Days: 0 } }, "InvalidArgument"],
    ["a day that is none", { ...whole, Expiration: { Date: new Date(noon) } }, "InvalidArgument"],
    [
      "tags",
      { ...whole, Filter: { Tag: { Key: "a", Value: "b" } }, Expiration: { Days: 1 } },
      "NotImplemented",
    ],
    ["sizes", { ...whole, Filter: { ObjectSizeLessThan: 9 }, Expiration: { Days: 1 } }, "NotImplemented"],
    ["other classes", { ...whole, Transitions: [{ Days: 1, StorageClass: "GLACIER" }] }, "NotImplemented"],
    [
      "a number of versions",
      { ...whole, NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 3 } },
      "NotImplemented",
    ],
  ])("%s: refused, and the old rules stay", async (_what, rule, name) => {
    await set({ ...whole, ID: "old", Expiration: { Days: 9 } });
    await expect(set(rule)).rejects.toMatchObject({ name });
    expect((await rules())!.map(({ ID }) => ID)).toEqual(["old"]);
  });

  test("are applied when the storage starts", async () => {
    await client.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
    );
    await set({
      ...whole,
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      Expiration: { ExpiredObjectDeleteMarker: true },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    });
    await client.send(new PutObjectCommand({ Bucket, Key: "gone", Body: "x" }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: "gone" }));
    await client.send(new PutObjectCommand({ Bucket, Key: "stays", Body: "x" }));
    await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "gone" }));
    now += 3 * day;
    storage = await storage.restart();
    client.destroy();
    client = s3Client(storage.target);
    client.config.systemClockOffset = now - Date.now();
    await expect
      .poll(() => storage.lines)
      .toEqual([
        "Object storage: the lifecycle rules ended 0 objects, 2 older versions and 1 unfinished uploads",
      ]);
    const { Versions, DeleteMarkers } = await client.send(new ListObjectVersionsCommand({ Bucket }));
    expect(Versions!.map(({ Key }) => Key)).toEqual(["stays"]);
    expect(DeleteMarkers).toBeUndefined();
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
  });
});
