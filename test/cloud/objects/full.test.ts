import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { s3Client } from "../../../clients/s3.ts";
import { cleanDirectory, type SpawnedStorage, spawnStorage } from "./spawn.ts";

const mebibyte = 1024 * 1024;
const path = "/var/tmp/phasewise-test-objects-full";
const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)(`a full disk${isRoot ? "" : " (needs root, for a small filesystem)"}`, () => {
  let storage: SpawnedStorage;

  beforeAll(async () => {
    // What a killed predecessor left; nothing mounted is no error.
    spawnSync("umount", [path]);
    cleanDirectory("full");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=20m", "tmpfs", path]);
    storage = await spawnStorage(path);
  });
  afterAll(async () => {
    await storage.kill();
    execFileSync("umount", [path]);
    rmSync(path, { recursive: true });
  });

  test("refuses what does not fit, keeps what is there, and goes on once there is room", async () => {
    const client = s3Client(storage);
    const Bucket = "full";
    const old = randomBytes(12 * mebibyte);
    await client.send(new CreateBucketCommand({ Bucket }));
    await client.send(new PutObjectCommand({ Bucket, Key: "k", Body: old }));
    const put = () =>
      client.send(new PutObjectCommand({ Bucket, Key: "k", Body: randomBytes(11 * mebibyte) }));
    await expect(put()).rejects.toMatchObject({
      name: "InsufficientStorage",
      message:
        "There is no space left on the disk of the object storage. Nothing was stored. Free some, then try again.",
      $metadata: { httpStatusCode: 507, attempts: 1 },
    });
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: "k" }));
    expect(Buffer.from(await Body!.transformToByteArray()).equals(old)).toBe(true);
    await client.send(new DeleteObjectCommand({ Bucket, Key: "k" }));
    await put();
    client.destroy();
  });
});
