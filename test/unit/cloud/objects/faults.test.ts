import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { s3Client } from "../../../../clients/s3.ts";
import { FaultInjection } from "../../../../cloud/objects/faults.ts";
import { startTestStorage, type TestStorage, temporaryDirectory } from "./storage.ts";

let storage: TestStorage;
const put = (key = "a/1") =>
  s3Client(storage.target).send(new PutObjectCommand({ Bucket: "backups", Key: key, Body: "x" }));
const faults = (value: object) =>
  writeFileSync(join(storage.directory, "faults.json"), JSON.stringify(value));

beforeAll(async () => {
  storage = await startTestStorage();
  await s3Client(storage.target).send(new CreateBucketCommand({ Bucket: "backups" }));
});
afterEach(() => rmSync(join(storage.directory, "faults.json"), { force: true }));
afterAll(() => storage.remove());

test("revoked keys, and all is well again without a restart", async () => {
  faults({ revoked: ["default"] });
  await expect(put()).rejects.toMatchObject({ name: "InvalidAccessKeyId" });
  rmSync(join(storage.directory, "faults.json"));
  await put();
});

test("a bucket that is gone keeps what is in it", async () => {
  await put("a/2");
  faults({ gone: ["backups"] });
  await expect(put()).rejects.toMatchObject({ name: "NoSuchBucket" });
  faults({ gone: ["another"] });
  await s3Client(storage.target).send(new GetObjectCommand({ Bucket: "backups", Key: "a/2" }));
});

test("errors at random, of both kinds", async () => {
  faults({ errorRate: 1 });
  const found = await Promise.all(Array.from({ length: 24 }, () => put().catch(({ name }) => name)));
  expect(new Set(found)).toEqual(new Set(["InternalError", "ServiceUnavailable"]));
});

test("slow, for one part of the keys only", async () => {
  faults({ latencyMs: 300, only: "backups/slow/" });
  const began = performance.now();
  await put("fast/1");
  const between = performance.now();
  await put("slow/1");
  expect(performance.now() - between).toBeGreaterThanOrEqual(299);
  expect(between - began).toBeLessThan(performance.now() - began);
});

test("a file that says something else is an error, not a good day", () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "faults.json"), '{"errorRat": 1}');
  expect(() => new FaultInjection(directory).current()).toThrow("errorRat");
  rmSync(directory, { recursive: true });
});
