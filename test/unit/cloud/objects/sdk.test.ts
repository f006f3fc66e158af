import { randomBytes } from "node:crypto";
import { Agent } from "node:https";
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestStorage, type TestStorage } from "./storage.ts";

/** The AWS SDK as others use it: as it is, with checksums wherever it knows any. */
const Bucket = "sdk";
let storage: TestStorage;
let client: S3Client;

beforeAll(async () => {
  storage = await startTestStorage();
  client = new S3Client({
    endpoint: storage.endpoint,
    region: "eu-central-1",
    credentials: { accessKeyId: storage.accessKey, secretAccessKey: storage.secretKey },
    forcePathStyle: true,
    requestHandler: { httpsAgent: new Agent({ ca: storage.caCertificate }) },
  });
  await client.send(new CreateBucketCommand({ Bucket }));
});
afterAll(async () => {
  expect(storage.lines).toEqual([]);
  client.destroy();
  await storage.remove();
});

async function get(Key: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from(await Body!.transformToByteArray());
}

test.each(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const)(
  "a buffer and a stream with %s",
  async (ChecksumAlgorithm) => {
    const { Readable } = await import("node:stream");
    const content = randomBytes(200_000);
    await client.send(new PutObjectCommand({ Bucket, Key: "buffer", Body: content, ChecksumAlgorithm }));
    expect(await get("buffer")).toEqual(content);
    const Body = Readable.from([content.subarray(0, 70_000), content.subarray(70_000)]);
    const stream = { Bucket, Key: "stream", Body, ContentLength: content.length, ChecksumAlgorithm };
    await client.send(new PutObjectCommand(stream));
    expect(await get("stream")).toEqual(content);
  },
);

test("a multipart upload whose parts have checksums", async () => {
  const content = randomBytes(100_000);
  const named = { Bucket, Key: "parts" };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(named));
  const { ETag, ChecksumCRC32 } = await client.send(
    new UploadPartCommand({ ...named, UploadId, PartNumber: 1, Body: content }),
  );
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag, ChecksumCRC32 }] };
  await client.send(new CompleteMultipartUploadCommand({ ...named, UploadId, MultipartUpload }));
  expect(await get("parts")).toEqual(content);
});

test("documents: rules, and many deletes", async () => {
  const Rules = [{ ID: "x", Status: "Enabled", Filter: {}, Expiration: { Days: 1 } }] as const;
  await client.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [...Rules] } }),
  );
  const Delete = { Objects: [{ Key: "parts" }, { Key: "buffer" }] };
  expect((await client.send(new DeleteObjectsCommand({ Bucket, Delete }))).Errors).toBeUndefined();
  await expect(get("parts")).rejects.toMatchObject({ name: "NoSuchKey" });
});
