import { rmSync } from "node:fs";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openStore, type Store } from "../../../../cloud/objects/store/store.ts";
import { s3Client, startTestStorage, type TestStorage, temporaryDirectory } from "./storage.ts";

let storage: TestStorage;
let client: S3Client;
let Bucket: string;
let count = 0;

beforeAll(async () => {
  storage = await startTestStorage();
  client = s3Client(storage.target);
});
afterAll(async () => {
  expect(storage.lines).toEqual([]);
  client.destroy();
  await storage.remove();
});
beforeEach(async () => {
  Bucket = `versions-${++count}`;
  await client.send(new CreateBucketCommand({ Bucket }));
});

async function keepVersions(Status: "Enabled" | "Suspended" = "Enabled"): Promise<void> {
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
}

async function put(Body: string, Key = "k"): Promise<string | undefined> {
  return (await client.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId;
}

async function get(VersionId?: string, Key = "k"): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, VersionId }));
  return await Body!.transformToString();
}

async function remove(VersionId?: string, Key = "k") {
  const { DeleteMarker, VersionId: named } = await client.send(
    new DeleteObjectCommand({ Bucket, Key, VersionId }),
  );
  return { DeleteMarker, named };
}

async function versions() {
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
  return { versions: Versions, markers: DeleteMarkers };
}

describe("a bucket that keeps versions", () => {
  test("says so", async () => {
    await keepVersions();
    expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe("Enabled");
    await keepVersions("Suspended");
    expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe("Suspended");
  });

  test("gives every version back by its name, and the newest without one", async () => {
    expect(await put("before")).toBeUndefined();
    await keepVersions();
    const first = await put("first");
    const second = await put("second");
    expect(await get()).toBe("second");
    expect(await get("null")).toBe("before");
    expect(await get(first)).toBe("first");
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: "k" }));
    expect(head).toMatchObject({ VersionId: second, ContentLength: 6 });
    expect((await versions()).versions.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
      [second, true],
      [first, false],
      ["null", false],
    ]);
    await expect(get("v00000000zzzz")).rejects.toMatchObject({ name: "NoSuchVersion" });
    await expect(get("what")).rejects.toMatchObject({ name: "NoSuchVersion" });
    await expect(get(first, "other")).rejects.toMatchObject({ name: "NoSuchVersion" });
  });

  test("hides what is deleted behind a marker, whose removal brings it back", async () => {
    await keepVersions();
    const first = await put("first");
    const { DeleteMarker, named: marker } = await remove();
    expect(DeleteMarker).toBe(true);
    await expect(get()).rejects.toMatchObject({ name: "NoSuchKey" });
    await expect(get(marker)).rejects.toMatchObject({
      name: "MethodNotAllowed",
      $response: { headers: { "x-amz-delete-marker": "true", allow: "DELETE" } },
    });
    expect((await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
    await expect(client.send(new DeleteBucketCommand({ Bucket }))).rejects.toMatchObject({
      name: "BucketNotEmpty",
    });
    expect(await get(first)).toBe("first");
    expect(await remove(marker)).toEqual({ DeleteMarker: true, named: marker });
    expect(await get()).toBe("first");
    expect(await remove(first)).toEqual({ DeleteMarker: undefined, named: first });
    expect(await versions()).toEqual({ versions: [], markers: [] });
    await client.send(new DeleteBucketCommand({ Bucket }));
  });

  test("falls back to the version before when the newest is removed", async () => {
    await keepVersions();
    const first = await put("first");
    const second = await put("second");
    await remove(second);
    expect(await get()).toBe("first");
    expect((await versions()).versions).toMatchObject([{ VersionId: first, IsLatest: true }]);
  });

  test("suspended: writes and deletes take the place of the version without a name", async () => {
    await put("before");
    await keepVersions();
    const first = await put("first");
    await keepVersions("Suspended");
    expect(await put("plain")).toBe("null");
    expect(await get("null")).toBe("plain");
    expect((await versions()).versions.map(({ VersionId }) => VersionId)).toEqual(["null", first]);
    expect(await remove()).toEqual({ DeleteMarker: true, named: "null" });
    const left = await versions();
    expect(left.markers).toMatchObject([{ VersionId: "null", IsLatest: true }]);
    expect(left.versions).toMatchObject([{ VersionId: first, IsLatest: false }]);
    await keepVersions();
    expect(await put("again")).toMatch(/^v/);
    expect((await versions()).markers).toMatchObject([{ VersionId: "null", IsLatest: false }]);
  });

  test("deletes many at once, by name or not, and says what came of each", async () => {
    await keepVersions();
    const one = await put("1", "one");
    await put("2", "two");
    const { Deleted } = await client.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: [{ Key: "one", VersionId: one }, { Key: "two" }, { Key: "three" }] },
      }),
    );
    expect(Deleted).toMatchObject([
      { Key: "one", VersionId: one },
      { Key: "two", DeleteMarker: true, DeleteMarkerVersionId: expect.stringMatching(/^v/) },
      { Key: "three", DeleteMarker: true },
    ]);
    expect((await versions()).versions.map(({ Key }) => Key)).toEqual(["two"]);
  });

  test("takes an older version as the source of a copy, also onto itself", async () => {
    await keepVersions();
    const first = await put("first");
    await put("second");
    const CopySource = `${Bucket}/k?versionId=${first}`;
    const copied = await client.send(new CopyObjectCommand({ Bucket, Key: "k", CopySource }));
    expect(copied).toMatchObject({ CopySourceVersionId: first, VersionId: expect.stringMatching(/^v/) });
    expect(await get()).toBe("first");
    expect((await versions()).versions).toHaveLength(3);
  });

  test("names the version that a multipart upload made, also when it is completed again", async () => {
    await keepVersions();
    const upload = { Bucket, Key: "k" };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(upload));
    const part = await client.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: "x" }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
    const complete = new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload });
    const { VersionId } = await client.send(complete);
    await put("newer");
    expect((await client.send(complete)).VersionId).toBe(VersionId);
    expect(await get()).toBe("newer");
    expect(await get(VersionId)).toBe("x");
  });

  test("can be emptied page by page, each page deleted before the next is asked for", async () => {
    await put("plain", "a");
    await keepVersions();
    for (const key of ["a", "a", "b", "a"]) await put("x", key);
    await remove(undefined, "b");
    let pages = 0;
    for (let KeyMarker: string | undefined, VersionIdMarker: string | undefined; ; pages++) {
      const page = await client.send(
        new ListObjectVersionsCommand({ Bucket, MaxKeys: 2, KeyMarker, VersionIdMarker }),
      );
      for (const { Key, VersionId } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])])
        await remove(VersionId, Key);
      ({ NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page);
      if (!page.IsTruncated) break;
    }
    expect(pages).toBe(2);
    expect(await versions()).toEqual({ versions: [], markers: [] });
    await client.send(new DeleteBucketCommand({ Bucket }));
  });
});

describe("versions, whatever is done", () => {
  const directory = temporaryDirectory();
  let store: Store;
  beforeAll(async () => {
    store = await openStore(directory);
  });
  afterAll(() => {
    store.close();
    rmSync(directory, { recursive: true });
  });

  /** The rules of S3 in plain words: a stack of versions a key, the newest first. */
  interface Model {
    versioning: "" | "Enabled" | "Suspended";
    stacks: Map<string, { version: string; content: string | null }[]>;
  }
  const key = fc.constantFrom("a", "a/b", "b");
  const action = fc.oneof(
    fc.record({ do: fc.constant("put" as const), key }),
    fc.record({ do: fc.constant("delete" as const), key }),
    fc.record({ do: fc.constant("remove" as const), key, nth: fc.nat(4) }),
    fc.record({
      do: fc.constant("switch" as const),
      to: fc.constantFrom("Enabled" as const, "Suspended" as const),
    }),
  );
  type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

  async function act(bucket: string, model: Model, step: Action, content: string): Promise<void> {
    if (step.do === "switch") {
      store.buckets.setVersioning(bucket, step.to);
      model.versioning = step.to;
      return;
    }
    const stack = model.stacks.get(step.key) ?? [];
    const without =
      model.versioning === "Enabled" ? stack : stack.filter(({ version }) => version !== "null");
    if (step.do === "put") {
      const made = await store.objects.put(bucket, step.key, { pieces: [], etag: content, headers: {} });
      expect(made.version === "null").toBe(model.versioning !== "Enabled");
      model.stacks.set(step.key, [{ version: made.version, content }, ...without]);
    } else if (step.do === "delete") {
      const [done] = await store.objects.remove(bucket, [{ key: step.key, version: "" }]);
      const marker = model.versioning === "" ? [] : [{ version: done!.marker!, content: null }];
      model.stacks.set(step.key, [...marker, ...without]);
    } else {
      const chosen = stack[step.nth];
      const version = chosen?.version ?? "v000000000000";
      await store.objects.remove(bucket, [{ key: step.key, version }]);
      model.stacks.set(
        step.key,
        stack.filter((one) => one !== chosen),
      );
    }
  }

  test("are what one would write down, in listings of any page size", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 25 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, limit) => {
          const bucket = `model-${++count}`;
          store.buckets.create(bucket, "me");
          const model: Model = { versioning: "", stacks: new Map() };
          for (const [index, step] of steps.entries()) await act(bucket, model, step, String(index));
          const keys = [...model.stacks.keys()].sort();
          const expected = keys.flatMap((name) =>
            model.stacks
              .get(name)!
              .map(({ version, content }, index) => [name, version, content ?? "", index === 0]),
          );
          const found: unknown[] = [];
          for (let after = { key: "", version: "" }; ; ) {
            const options = {
              prefix: "",
              delimiter: "",
              after: after.key,
              afterVersion: after.version,
              limit,
            };
            const page = store.objects.listVersions(bucket, options);
            found.push(...page.versions.map((one) => [one.key, one.version, one.etag, one.latest]));
            if (page.next === null) break;
            after = page.next;
          }
          expect(found).toEqual(expected);
          const visible = keys.filter((name) => typeof model.stacks.get(name)![0]?.content === "string");
          const listing = store.objects.list(bucket, { prefix: "", delimiter: "", after: "", limit: 100 });
          expect(listing.objects.map((object) => object.key)).toEqual(visible);
        },
      ),
      { numRuns: 200 },
    );
  });
});
