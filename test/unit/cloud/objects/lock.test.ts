import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { s3Client, startTestStorage, type TestStorage } from "./storage.ts";

const day = 24 * 3600_000;
const Bucket = "locked";
let storage: TestStorage;
let client: S3Client;
let now = Date.parse("2026-11-21T12:00:00Z");
let count = 0;
const denied = { name: "AccessDenied" };

function later(days: number): void {
  now += days * day;
  client.config.systemClockOffset = now - Date.now();
}

beforeAll(async () => {
  storage = await startTestStorage(undefined, { now: () => new Date(now) });
  client = s3Client(storage.target);
  later(0);
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
});
afterAll(async () => {
  client.destroy();
  await storage.remove();
});

async function put(lock: object = {}) {
  const Key = `key ${++count}`;
  const { VersionId } = await client.send(new PutObjectCommand({ Bucket, Key, Body: "x", ...lock }));
  return { Bucket, Key, VersionId };
}
const until = (days: number) => new Date(now + days * day);

describe("object lock", () => {
  test("a version in compliance mode stays until its day, whoever asks", async () => {
    const named = await put({ ObjectLockMode: "COMPLIANCE", ObjectLockRetainUntilDate: until(10) });
    expect(await client.send(new HeadObjectCommand(named))).toMatchObject({
      ObjectLockMode: "COMPLIANCE",
      ObjectLockRetainUntilDate: until(10),
    });
    await expect(client.send(new DeleteObjectCommand(named))).rejects.toMatchObject(denied);
    const forced = { ...named, BypassGovernanceRetention: true };
    await expect(client.send(new DeleteObjectCommand(forced))).rejects.toMatchObject(denied);
    const shorter = { Mode: "COMPLIANCE" as const, RetainUntilDate: until(5) };
    await expect(
      client.send(new PutObjectRetentionCommand({ ...forced, Retention: shorter })),
    ).rejects.toMatchObject(denied);
    await client.send(
      new PutObjectRetentionCommand({
        ...named,
        Retention: { Mode: "COMPLIANCE", RetainUntilDate: until(20) },
      }),
    );
    // A delete without a version only hides it.
    await client.send(new DeleteObjectCommand({ Bucket, Key: named.Key }));
    later(11);
    await expect(client.send(new DeleteObjectCommand(named))).rejects.toMatchObject(denied);
    later(10);
    await client.send(new DeleteObjectCommand(named));
  });

  test("one in governance mode goes when that is asked for expressly", async () => {
    const named = await put({ ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: until(10) });
    const { Key, VersionId } = named;
    const many = { Bucket, Delete: { Objects: [{ Key, VersionId }] } };
    const refused = await client.send(new DeleteObjectsCommand(many));
    expect(refused.Errors).toMatchObject([{ Key, VersionId, Code: "AccessDenied" }]);
    const forced = await client.send(new DeleteObjectsCommand({ ...many, BypassGovernanceRetention: true }));
    expect(forced.Deleted).toMatchObject([{ Key, VersionId }]);
  });

  test("a legal hold keeps a version until it is taken off", async () => {
    const named = await put({ ObjectLockLegalHoldStatus: "ON" });
    later(1000);
    await expect(
      client.send(new DeleteObjectCommand({ ...named, BypassGovernanceRetention: true })),
    ).rejects.toMatchObject(denied);
    expect((await client.send(new GetObjectLegalHoldCommand(named))).LegalHold).toEqual({ Status: "ON" });
    await client.send(new PutObjectLegalHoldCommand({ ...named, LegalHold: { Status: "OFF" } }));
    await expect(client.send(new GetObjectRetentionCommand(named))).rejects.toMatchObject({
      name: "NoSuchObjectLockConfiguration",
    });
    await client.send(new DeleteObjectCommand(named));
  });

  test("the bucket's default holds for uploads of every kind", async () => {
    const DefaultRetention = { Mode: "GOVERNANCE", Days: 3 } as const;
    const ObjectLockConfiguration = { ObjectLockEnabled: "Enabled", Rule: { DefaultRetention } } as const;
    await client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
    const got = await client.send(new GetObjectLockConfigurationCommand({ Bucket }));
    expect(got.ObjectLockConfiguration).toEqual(ObjectLockConfiguration);
    const plain = await put();
    const multipart = { Bucket, Key: "multipart" };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(multipart));
    const part = { ...multipart, UploadId, PartNumber: 1, Body: "x" };
    const { ETag } = await client.send(new UploadPartCommand(part));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    const { VersionId } = await client.send(
      new CompleteMultipartUploadCommand({ ...multipart, UploadId, MultipartUpload }),
    );
    for (const named of [plain, { ...multipart, VersionId }]) {
      const { Retention } = await client.send(new GetObjectRetentionCommand(named));
      expect(Retention).toEqual({ Mode: "GOVERNANCE", RetainUntilDate: until(3) });
    }
  });

  test("is for buckets that were made for it, whose versions are then always kept", async () => {
    await client.send(new CreateBucketCommand({ Bucket: "plain" }));
    await expect(
      client.send(new PutObjectCommand({ Bucket: "plain", Key: "k", ObjectLockLegalHoldStatus: "ON" })),
    ).rejects.toMatchObject({ name: "InvalidRequest" });
    await expect(
      client.send(new GetObjectLockConfigurationCommand({ Bucket: "plain" })),
    ).rejects.toMatchObject({ name: "ObjectLockConfigurationNotFoundError" });
    await expect(
      client.send(
        new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } }),
      ),
    ).rejects.toMatchObject({ name: "InvalidBucketState" });
  });
});
