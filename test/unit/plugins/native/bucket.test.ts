import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import pLimit from "p-limit";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { BucketClient } from "../../../../clients/s3/bucket.ts";
import { s3Client } from "../../../../clients/s3.ts";
import { bucket } from "../../../../plugins/native/bucket.ts";
import { Secret } from "../../../../plugins/server/resource.ts";
import { drive, unknown } from "../../../../plugins/server/testing.ts";
import { addAccount, startTestStorage, type TestStorage } from "../../cloud/objects/storage.ts";

let storage: TestStorage;
let stranger: { accessKey: string; secretKey: string };
let name: string;
let count = 0;

beforeAll(async () => {
  const first = await startTestStorage();
  const { accessKey, secretKey } = await addAccount(first.directory);
  stranger = { accessKey, secretKey };
  storage = await first.restart();
});
afterAll(() => storage.remove());
beforeEach(() => {
  name = `bucket-${++count}`;
});

function inputs(more: Record<string, unknown> = {}) {
  const { endpoint, region, accessKey, secretKey, caCertificate } = storage;
  return { bucket: name, endpoint, region, accessKey, secretKey, caCertificate, ...more };
}

async function put(key: string): Promise<void> {
  const client = s3Client(storage);
  await client.send(new PutObjectCommand({ Bucket: name, Key: key, Body: "x" }));
  client.destroy();
}

describe("Bucket", () => {
  test("makes nothing in a preview, then a bucket, and keeps the keys secret", async () => {
    const driven = drive(bucket);
    const { endpoint, region } = storage;
    expect((await driven.preview(inputs())).outputs).toEqual({ bucket: name, endpoint, region });
    expect(await new BucketClient(storage, name).exists()).toBe(false);
    await driven.up(inputs());
    expect(await new BucketClient(storage, name).exists()).toBe(true);
    expect(driven.state!.id).toBe(`${name}@${endpoint}`);
    expect(driven.state!.inputs.accessKey).toBeInstanceOf(Secret);
    expect(driven.state!.inputs.secretKey).toBeInstanceOf(Secret);
    expect((await driven.up(inputs())).steps).toEqual(["same"]);
    expect(driven.messages).toEqual([]);
  });

  test("what is not known yet stays unknown in a preview", async () => {
    const { outputs } = await drive(bucket).preview(inputs({ endpoint: unknown, accessKey: unknown }));
    expect(outputs).toEqual({ bucket: name, endpoint: unknown, region: storage.region });
  });

  test("takes over a bucket of ours, as after a create that died", async () => {
    await drive(bucket).up(inputs());
    const driven = drive(bucket);
    await driven.up(inputs());
    expect(driven.messages).toEqual([
      `info: The bucket ${name} was there already, empty and ours: it was taken over.`,
    ]);
  });

  test("does not take over one that holds something, be it only older versions, also in a preview", async () => {
    await drive(bucket).up(inputs({ versioning: true }));
    const client = s3Client(storage);
    const refusal =
      `The bucket ${name} at 127.0.0.1:${storage.port} is there already and is not empty: it holds old. It may be ` +
      "another stack's, or one that was kept when its stack was destroyed: it is not taken over, and nothing in it " +
      "was changed. Choose another name; or, where the state of its stack was lost, import it with pulumi import.";
    await put("old");
    await client.send(new DeleteObjectCommand({ Bucket: name, Key: "old" }));
    await expect(drive(bucket).preview(inputs())).rejects.toThrow(refusal);
    await expect(drive(bucket).up(inputs({ versioning: false }))).rejects.toThrow(refusal);
    expect((await new BucketClient(storage, name).policy()).versioning).toBe(true);
  });

  test("leaves a bucket of somebody else alone, and says so in a preview already", async () => {
    await drive(bucket).up(inputs(stranger));
    const refusal =
      `The access key ${storage.accessKey} may not use the bucket ${name} at 127.0.0.1:${storage.port}. ` +
      "The bucket belongs to somebody else (names are shared by all users of the storage): choose another name; or " +
      "the key has too few rights.";
    await expect(drive(bucket).preview(inputs())).rejects.toThrow(refusal);
    await expect(drive(bucket).up(inputs())).rejects.toThrow(refusal);
    const theirs = { ...storage, ...stranger };
    expect(await new BucketClient(theirs, name).contents(1)).toEqual({ keys: [], more: false, uploads: 0 });
  });

  test("keeps versions and rules as it is told, and puts right what others changed", async () => {
    const lifecycle = [
      { id: "uploads", abortDays: 7 },
      { id: "deleted", noncurrentDays: 14, removeMarkers: true },
    ];
    const driven = drive(bucket);
    await driven.up(inputs({ versioning: true, lifecycle }));
    const client = new BucketClient(storage, name);
    expect(await client.policy()).toEqual({ versioning: true, lifecycle: [lifecycle[1], lifecycle[0]] });
    expect(await driven.refresh()).toBe(true);
    expect((await driven.up(inputs({ versioning: true, lifecycle }))).steps).toEqual(["same"]);
    // Somebody changes it behind the stack's back.
    await client.setPolicy({ versioning: false, lifecycle: [{ id: "deleted", noncurrentDays: 1 }] });
    expect(await driven.refresh()).toBe(true);
    const planned = await driven.preview(inputs({ versioning: true, lifecycle }));
    expect(Object.keys(planned.diff!.detailed!)).toEqual(
      expect.arrayContaining(["versioning", "lifecycle[0].noncurrentDays"]),
    );
    expect((await driven.up(inputs({ versioning: true, lifecycle }))).steps).toEqual(["update"]);
    expect(await client.policy()).toMatchObject({
      versioning: true,
      lifecycle: [{ noncurrentDays: 14 }, {}],
    });
    // A rule with what has no place among ours shows as well.
    const raw = s3Client(storage);
    const Rule = { ID: "deleted", Status: "Disabled", Filter: {}, Expiration: { Days: 1 } } as const;
    await raw.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket: name,
        LifecycleConfiguration: { Rules: [Rule] },
      }),
    );
    await driven.refresh();
    expect((await driven.up(inputs({ versioning: true, lifecycle }))).steps).toEqual(["update"]);
    expect((await client.policy()).lifecycle).toHaveLength(2);
    await client.setPolicy({ lifecycle: [] });
    expect((await client.policy()).lifecycle).toEqual([]);
  });

  test("which it is told to keep stays with all that is in it when the resource goes", async () => {
    const driven = drive(bucket);
    await driven.up(inputs({ forceDestroy: true, keepOnDelete: true }));
    await put("backup");
    await driven.destroy();
    expect(driven.messages).toEqual([
      `info: The bucket ${name} at ${storage.endpoint} was kept, with all that is in it; the stack forgets it.`,
    ]);
    expect((await new BucketClient(storage, name).contents(9)).keys).toEqual(["backup"]);
  });

  test("with forceDestroy goes with all versions and markers", async () => {
    const driven = drive(bucket);
    await driven.up(inputs({ forceDestroy: true, versioning: true }));
    for (const key of ["a", "a", "b"]) await put(key);
    const client = s3Client(storage);
    await client.send(new DeleteObjectCommand({ Bucket: name, Key: "b" }));
    await driven.destroy();
    expect(driven.lines).toEqual(["4 objects deleted"]);
    expect(await new BucketClient(storage, name).exists()).toBe(false);
  });

  test("is gone on refresh when somebody deleted it, and made again by the next update", async () => {
    const driven = drive(bucket);
    await driven.up(inputs());
    expect(await driven.refresh()).toBe(true);
    await new BucketClient(storage, name).delete();
    expect(await driven.refresh()).toBe(false);
    expect((await driven.up(inputs())).steps).toEqual(["create"]);
    expect(await driven.refresh()).toBe(true);
  });

  test("is not deleted while something is in it", async () => {
    const driven = drive(bucket);
    await driven.up(inputs());
    for (const key of ["d", "a", "c", "b"]) await put(key);
    const client = s3Client(storage);
    await client.send(new CreateMultipartUploadCommand({ Bucket: name, Key: "big" }));
    await expect(driven.destroy()).rejects.toThrow(
      `The bucket ${name} at ${storage.endpoint} is not empty: it holds a, b, c and more, and 1 unfinished upload. ` +
        "Nothing was deleted. Empty it yourself, or set forceDestroy to true, update the stack and delete it again: " +
        "all that is in it is lost then.",
    );
    expect(await new BucketClient(storage, name).contents(10)).toEqual({
      keys: ["a", "b", "c", "d"],
      more: false,
      uploads: 1,
    });
  });

  test("with forceDestroy goes with all that is in it, page by page", async () => {
    const driven = drive(bucket);
    await driven.up(inputs({ forceDestroy: true }));
    const client = s3Client(storage);
    const limit = pLimit(16);
    const keys = Array.from({ length: 1010 }, (_, index) => `folder ${index % 7}/ü+%${index}`);
    await Promise.all(
      keys.map((Key) => limit(() => client.send(new PutObjectCommand({ Bucket: name, Key, Body: "x" })))),
    );
    await client.send(new CreateMultipartUploadCommand({ Bucket: name, Key: "big" }));
    await driven.destroy();
    expect(driven.lines).toEqual(["1000 objects deleted", "1010 objects deleted"]);
    expect(await new BucketClient(storage, name).exists()).toBe(false);
  });

  test("stops emptying between pages when the engine cancels", async () => {
    const driven = drive(bucket);
    await driven.up(inputs({ forceDestroy: true }));
    await put("a");
    const { state } = driven;
    const cancelled = drive(bucket, { state: state!, signal: AbortSignal.abort() });
    await expect(cancelled.destroy()).rejects.toThrow("This operation was aborted");
    expect((await new BucketClient(storage, name).contents(10)).keys).toEqual(["a"]);
  });

  test("deleting what is gone succeeds", async () => {
    const driven = drive(bucket);
    await driven.up(inputs());
    await new BucketClient(storage, name).delete();
    await driven.destroy();
  });

  test("another name replaces it; another endpoint does not, and must have the bucket", async () => {
    const driven = drive(bucket);
    await driven.up(inputs());
    const { endpoint } = storage;
    expect((await driven.up(inputs({ endpoint: `${endpoint}/` }))).steps).toEqual(["same"]);
    const other = await startTestStorage();
    try {
      const { accessKey, secretKey, caCertificate } = other;
      const moved = inputs({ endpoint: other.endpoint, accessKey, secretKey, caCertificate });
      await expect(driven.up(moved)).rejects.toThrow(
        `There is no bucket ${name} at ${other.endpoint}. Nothing was changed.`,
      );
      await new BucketClient(other, name).ensure();
      expect((await driven.up(moved)).steps).toEqual(["update"]);
    } finally {
      await other.remove();
    }
    const renamed = await drive(bucket, { state: driven.state! }).preview(inputs({ bucket: `${name}-2` }));
    expect(renamed.diff!.replaces).toEqual(["bucket"]);
  });

  test("is imported with the keys of the environment", async () => {
    await drive(bucket).up(inputs());
    const { endpoint, accessKey, secretKey, region } = storage;
    const id = `${name}@${endpoint}`;
    vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    await expect(drive(bucket).import(id)).rejects.toThrow(
      `The import of the bucket ${name} needs its keys: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION`,
    );
    await expect(drive(bucket).import(name)).rejects.toThrow(
      `A Bucket is imported by <bucket>@<endpoint>, as backups@https://fsn1.your-objectstorage.com; "${name}" is none.`,
    );
    vi.stubEnv("AWS_ACCESS_KEY_ID", accessKey);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretKey);
    vi.stubEnv("AWS_REGION", region);
    vi.stubEnv("AWS_CA_BUNDLE", await caFile());
    const driven = drive(bucket);
    expect(await driven.import(id)).toBe(true);
    expect((await driven.up(inputs())).steps).toEqual(["same"]);
    expect(await drive(bucket).import(`no-${name}@${endpoint}`)).toBe(false);
    vi.unstubAllEnvs();
  });

  test.each([
    [
      "wrong secret key",
      { secretKey: "wrong" },
      /does not accept the access key \w+ with its secret key\. Check both/,
    ],
    [
      "unknown access key",
      { accessKey: "NOBODY" },
      /does not accept the access key NOBODY with its secret key/,
    ],
    [
      "untrusted certificate",
      { caCertificate: undefined },
      /The certificate of .* is not trusted\. If it has an/,
    ],
    [
      "nobody there",
      { endpoint: "https://127.0.0.1:9" },
      /at 127\.0\.0\.1:9 cannot be reached\. Check the endpoint/,
    ],
  ])("%s: says so", async (_what, wrong, message) => {
    await expect(drive(bucket).preview(inputs(wrong))).rejects.toThrow(message);
    await expect(drive(bucket).up(inputs(wrong))).rejects.toThrow(message);
  });

  test("reports every fault at once", async () => {
    const wrong = {
      bucket: "My_Bucket",
      endpoint: "http://x",
      region: "",
      accessKey: "",
      forceDestroy: "yes",
      lifecycle: [{ id: "a", noncurrentDays: 0 }],
      x: 1,
    };
    await expect(drive(bucket).up(wrong)).rejects.toThrow(
      [
        "bucket: must have 3 to 63 lower-case letters, digits and hyphens, with a letter or digit at either end",
        "endpoint: must be https://<host>[:<port>], without a path",
        "region: must not be empty",
        "accessKey: must not be empty",
        "secretKey: is missing",
        "forceDestroy: must be true or false",
        "lifecycle[0].noncurrentDays: must be 1 day or more",
        "x: is no known property: is it misspelt?",
      ].join("\n"),
    );
  });
});

async function caFile(): Promise<string> {
  const { writeFile } = await import("node:fs/promises");
  const path = `${storage.directory}/ca.pem`;
  await writeFile(path, storage.caCertificate);
  return path;
}
