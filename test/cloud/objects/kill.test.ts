import { createHash, randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { s3Client } from "../../../clients/s3.ts";
import { cleanDirectory, type SpawnedStorage, spawnStorage } from "./spawn.ts";

const mebibyte = 1024 * 1024;
const Bucket = "killed";
let directory: string;
let storage: SpawnedStorage;
let client: S3Client;

beforeEach(async () => {
  directory = cleanDirectory("kill");
  await start();
  await client.send(new CreateBucketCommand({ Bucket }));
});
afterEach(async () => {
  client.destroy();
  await storage.kill();
  rmSync(directory, { recursive: true, force: true });
});

async function start(port = 0): Promise<void> {
  storage = await spawnStorage(directory, port);
  client = s3Client(storage);
}

/** As the daemon comes back: at the same place. */
async function killAndStart(): Promise<void> {
  await storage.kill();
  client.destroy();
  await start(Number(new URL(storage.endpoint).port));
}

async function get(Key: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from(await Body!.transformToByteArray());
}

function sum(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

describe("a kill of the object storage", () => {
  test("in the middle of an upload leaves the whole old object and no file of the new one", async () => {
    const old = randomBytes(2 * mebibyte);
    await client.send(new PutObjectCommand({ Bucket, Key: "k", Body: old }));
    const { Readable } = await import("node:stream");
    const half = new Readable({ read() {} });
    half.push(randomBytes(3 * mebibyte));
    const upload = client.send(
      new PutObjectCommand({ Bucket, Key: "k", Body: half, ContentLength: 6 * mebibyte }),
    );
    const failed = expect(upload).rejects.toThrow();
    const blobs = join(directory, "data", "blobs");
    const files = () => readdirSync(blobs, { recursive: true }).filter((name) => String(name).includes("/"));
    await expect.poll(() => files().length).toBe(2);
    await storage.kill();
    half.destroy();
    await failed;
    await killAndStart();
    expect(sum(await get("k"))).toBe(sum(old));
    expect(files()).toHaveLength(1);
  });

  test("keeps the parts of a multipart upload, which then goes on", async () => {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "big" }));
    const parts = [randomBytes(5 * mebibyte), randomBytes(5 * mebibyte), randomBytes(10)];
    const done: { PartNumber: number; ETag?: string }[] = [];
    for (const [index, Body] of parts.entries()) {
      if (index > 0) await killAndStart();
      const PartNumber = index + 1;
      const part = { Bucket, Key: "big", UploadId, PartNumber, Body };
      done.push({ PartNumber, ETag: (await client.send(new UploadPartCommand(part))).ETag });
    }
    await killAndStart();
    const listed = await client.send(new ListPartsCommand({ Bucket, Key: "big", UploadId }));
    expect(listed.Parts).toHaveLength(3);
    const complete = { Bucket, Key: "big", UploadId, MultipartUpload: { Parts: done } };
    const { ETag } = await client.send(new CompleteMultipartUploadCommand(complete));
    // The answer was lost: the client asks again.
    await killAndStart();
    expect((await client.send(new CompleteMultipartUploadCommand(complete))).ETag).toBe(ETag);
    expect(sum(await get("big"))).toBe(sum(Buffer.concat(parts)));
  });

  test("at any moment of many writes loses nothing that was acknowledged and tears nothing", async () => {
    const acknowledged = new Map<string, string>();
    const contents = new Map<string, Set<string>>();
    for (let round = 0; round < 6; round++) {
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let turn = 0; ; turn++) {
          const Key = `${writer}/${turn % 3}`;
          const Body = randomBytes(1 + Math.floor(Math.random() * 300_000));
          const hash = sum(Body);
          contents.set(Key, (contents.get(Key) ?? new Set()).add(hash));
          await client.send(new PutObjectCommand({ Bucket, Key, Body }));
          acknowledged.set(Key, hash);
          contents.set(Key, new Set([hash]));
        }
      });
      const ended = Promise.allSettled(writers);
      await vi.waitUntil(() => acknowledged.size > 0, { timeout: 30_000, interval: 5 });
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
      await storage.kill();
      await ended;
      await killAndStart();
      for (const Key of acknowledged.keys()) {
        // The last write may have been stored without its answer having come through.
        const found = sum(await get(Key));
        expect(contents.get(Key)).toContain(found);
        contents.set(Key, new Set([found]));
      }
    }
  });

  test("at any moment of writes, deletes and uploads in parts keeps every version that was acknowledged", async () => {
    const versioned = "versioned";
    await client.send(new CreateBucketCommand({ Bucket: versioned }));
    await client.send(
      new PutBucketVersioningCommand({ Bucket: versioned, VersioningConfiguration: { Status: "Enabled" } }),
    );
    const kept: { Key: string; VersionId: string; hash: string }[] = [];
    const markers = new Set<string>();
    const upload = async (Key: string, Body: Buffer) => {
      const named = { Bucket: versioned, Key };
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(named));
      const part = await client.send(new UploadPartCommand({ ...named, UploadId, PartNumber: 1, Body }));
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
      return client.send(new CompleteMultipartUploadCommand({ ...named, UploadId, MultipartUpload }));
    };
    for (let round = 0; round < 5; round++) {
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let turn = 0; ; turn++) {
          const Key = `${writer % 2}`;
          const Body = randomBytes(1 + Math.floor(Math.random() * 200_000));
          const named = { Bucket: versioned, Key };
          const { VersionId } = await (turn % 3 === 0
            ? upload(Key, Body)
            : client.send(new PutObjectCommand({ ...named, Body })));
          kept.push({ Key, VersionId: VersionId!, hash: sum(Body) });
          if (turn % 4 === 3) markers.add((await client.send(new DeleteObjectCommand(named))).VersionId!);
        }
      });
      const ended = Promise.allSettled(writers);
      await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 250));
      await storage.kill();
      await ended;
      await killAndStart();
    }
    expect(kept.length).toBeGreaterThan(5);
    for (const { Key, VersionId, hash } of kept) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: versioned, Key, VersionId }));
      expect(sum(Buffer.from(await Body!.transformToByteArray()))).toBe(hash);
    }
    const { Versions, DeleteMarkers = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket: versioned }),
    );
    const listed = new Set(DeleteMarkers.map(({ VersionId }) => VersionId));
    expect([...markers].filter((marker) => !listed.has(marker))).toEqual([]);
    const newest = [...Versions!, ...DeleteMarkers].filter(({ IsLatest }) => IsLatest);
    expect(newest.map(({ Key }) => Key).sort()).toEqual(["0", "1"]);
  });
});
