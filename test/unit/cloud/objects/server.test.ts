import { createHash, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterEach, expect, test } from "vitest";
import { ensureCertificate } from "../../../../cloud/objects/certificate.ts";
import { readObjectStorageAccess, startObjectStorage } from "../../../../cloud/objects/server.ts";
import { s3Client, startTestStorage, type TestStorage, temporaryDirectory } from "./storage.ts";

const day = 24 * 3600_000;
const opened: TestStorage[] = [];
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.remove();
});

async function start(): Promise<TestStorage> {
  const storage = await startTestStorage();
  opened.push(storage);
  return storage;
}

async function restart(storage: TestStorage): Promise<TestStorage> {
  const next = await storage.restart();
  opened.splice(opened.indexOf(storage), 1, next);
  return next;
}

test("keys, certificates and objects stay from start to start", async () => {
  const first = await start();
  const client = s3Client(first.target);
  await client.send(new CreateBucketCommand({ Bucket: "kept" }));
  await client.send(new PutObjectCommand({ Bucket: "kept", Key: "k", Body: "v" }));
  client.destroy();
  const second = await restart(first);
  const { accessKey, secretKey, caCertificate } = first;
  expect(second).toMatchObject({ accessKey, secretKey, caCertificate });
  expect(await readObjectStorageAccess(second.directory)).toEqual({ accessKey, secretKey, caCertificate });
  const { Body } = await s3Client(second.target).send(new GetObjectCommand({ Bucket: "kept", Key: "k" }));
  expect(await Body!.transformToString()).toBe("v");
  expect(await second.health()).toMatchObject({ ok: true });
});

test("what is secret is readable for its owner only", async () => {
  const { directory, accessKey, secretKey } = await start();
  const mode = (...path: string[]) => (statSync(join(directory, ...path)).mode & 0o777).toString(8);
  expect([mode("keys.json"), mode("tls"), mode("tls", "ca.pem"), mode("tls", "server.pem")]).toEqual([
    "600",
    "700",
    "600",
    "600",
  ]);
  expect(mode("data")).toBe("700");
  // As in configuration files of pgBackRest: nothing to escape.
  expect(accessKey).toMatch(/^[A-Z0-9]{20}$/);
  expect(secretKey).toMatch(/^[A-Za-z0-9_-]{40}$/);
});

test("was never started: there is no access", async () => {
  const directory = temporaryDirectory();
  expect(await readObjectStorageAccess(directory)).toBeNull();
  rmSync(directory, { recursive: true });
});

test("files that a dead process left are removed at the next start, and no others", async () => {
  const first = await start();
  const client = s3Client(first.target);
  await client.send(new CreateBucketCommand({ Bucket: "kept" }));
  await client.send(new PutObjectCommand({ Bucket: "kept", Key: "k", Body: "v" }));
  const blobs = join(first.directory, "data", "blobs");
  const [folder] = readdirSync(blobs);
  writeFileSync(join(blobs, folder!, `${folder}000000-lost`), "half an upload");
  const second = await restart(first);
  expect(readdirSync(blobs, { recursive: true })).toHaveLength(2);
  const { Body } = await s3Client(second.target).send(new GetObjectCommand({ Bucket: "kept", Key: "k" }));
  expect(await Body!.transformToString()).toBe("v");
});

test("a port in use is named, and nothing stays open", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as { port: number };
  const directory = temporaryDirectory();
  const options = { directory, addresses: ["127.0.0.1"], port, log: () => {} };
  await expect(startObjectStorage(options)).rejects.toThrow(
    `The object storage cannot listen on 127.0.0.1:${port}: another program uses that port. Nothing was changed. ` +
      `See which one with \`ss -ltnp 'sport = :${port}'\`; stop it, or give the cloud another port.`,
  );
  await new Promise((resolve) => other.close(resolve));
  const storage = await startObjectStorage(options);
  await storage.close();
  rmSync(directory, { recursive: true });
});

test("an address that this host does not have is named", async () => {
  const directory = temporaryDirectory();
  await expect(
    startObjectStorage({ directory, addresses: ["127.0.0.1", "192.0.2.1"], port: 0, log: () => {} }),
  ).rejects.toThrow(
    /cannot listen on 192\.0\.2\.1:\d+: this host does not have that address\. Nothing was changed\./,
  );
  rmSync(directory, { recursive: true });
});

test("one process at a time", async () => {
  const { directory } = await start();
  await expect(
    startObjectStorage({ directory, addresses: ["127.0.0.1"], port: 0, log: () => {} }),
  ).rejects.toThrow(
    `The object storage in ${directory}/data/index.sqlite is in use by another process. Nothing was changed. ` +
      "One cloud daemon at a time can have it: stop the other one first.",
  );
});

test("damaged keys are named and not replaced", async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "keys.json"), "{");
  await expect(
    startObjectStorage({ directory, addresses: ["127.0.0.1"], port: 0, log: () => {} }),
  ).rejects.toThrow(`${directory}/keys.json does not hold the access keys of the object storage any more.`);
  expect(readFileSync(join(directory, "keys.json"), "utf8")).toBe("{");
  rmSync(directory, { recursive: true });
});

test("the certificate is made anew for other addresses or near its end, its authority stays", async () => {
  const directory = temporaryDirectory();
  const first = await ensureCertificate(directory, ["127.0.0.1"]);
  expect(await ensureCertificate(directory, ["127.0.0.1"])).toEqual(first);
  const moved = await ensureCertificate(directory, ["127.0.0.1", "198.18.0.1"]);
  expect(moved.authority).toBe(first.authority);
  expect(moved.certificate).not.toBe(first.certificate);
  const issued = new X509Certificate(moved.certificate);
  expect(issued.checkIP("198.18.0.1")).toBe("198.18.0.1");
  expect(issued.checkHost("localhost")).toBe("localhost");
  expect(issued.checkIssued(new X509Certificate(first.authority))).toBe(true);
  const both = ["127.0.0.1", "198.18.0.1"];
  expect(await ensureCertificate(directory, both, Date.now() + 360 * day)).toEqual(moved);
  const renewed = await ensureCertificate(directory, both, Date.now() + 370 * day);
  expect(renewed.authority).toBe(first.authority);
  expect(hash(renewed.certificate)).not.toBe(hash(moved.certificate));
  rmSync(directory, { recursive: true });
});

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
