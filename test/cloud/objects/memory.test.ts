import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { Readable } from "node:stream";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { s3Client } from "../../../clients/s3.ts";
import { cleanDirectory, type SpawnedStorage, spawnStorage } from "./spawn.ts";

const mebibyte = 1024 * 1024;
let directory: string;
let storage: SpawnedStorage;

beforeAll(async () => {
  directory = cleanDirectory("memory");
  storage = await spawnStorage(directory);
});
afterAll(async () => {
  await storage.kill();
  rmSync(directory, { recursive: true, force: true });
});

test("large objects pass through without being held in memory", async () => {
  const atStart = storage.memory();
  const client = s3Client(storage);
  const size = 300 * mebibyte;
  await client.send(new CreateBucketCommand({ Bucket: "large" }));
  const block = randomBytes(mebibyte);
  const put = (Key: string) =>
    client.send(
      new PutObjectCommand({
        Bucket: "large",
        Key,
        ContentLength: size,
        Body: Readable.from(Array.from({ length: size / mebibyte }, () => block)),
      }),
    );
  const seconds = async (work: Promise<unknown>) => {
    const start = performance.now();
    await work;
    return (performance.now() - start) / 1000;
  };
  const upload = await seconds(Promise.all([put("a"), put("b")]));
  const afterUpload = storage.memory();
  const { Body } = await client.send(new GetObjectCommand({ Bucket: "large", Key: "a" }));
  let received = 0;
  const download = await seconds(
    (async () => {
      for await (const chunk of Body as Readable) received += (chunk as Buffer).length;
    })(),
  );
  expect(received).toBe(size);
  const figures = [atStart, afterUpload, storage.memory()].map((bytes) => Math.round(bytes / 1e6));
  process.stdout.write(
    `object storage: ${figures.join(", ")} MB at start, after uploads, after a download; ` +
      `${Math.round((2 * size) / 1e6 / upload)} MB/s up, ${Math.round(size / 1e6 / download)} MB/s down\n`,
  );
  expect(storage.memory()).toBeLessThan(200e6);
  client.destroy();
});
