import { createHash } from "node:crypto";
import { request } from "node:https";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { s3Client, startTestStorage, type TestStorage } from "./storage.ts";

const mebibyte = 1024 * 1024;
let storage: TestStorage;
let client: S3Client;
const Bucket = "phasewise-test";

beforeAll(async () => {
  storage = await startTestStorage();
  client = s3Client(storage.target);
  await client.send(new CreateBucketCommand({ Bucket }));
});
afterAll(async () => {
  client.destroy();
  await storage.remove();
});

async function put(
  Key: string,
  Body: PutObjectCommandInput["Body"],
  more: Partial<PutObjectCommandInput> = {},
) {
  return await client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
}

async function get(Key: string, Range?: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
  return Buffer.from(await Body!.transformToByteArray());
}

function code(name: string) {
  return expect.objectContaining({ name });
}

describe("objects", () => {
  test("come back as they were put, under any key, in any range", async () => {
    const key = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
      .filter((text) => !text.includes("\0"));
    await fc.assert(
      fc.asyncProperty(
        key.filter((text) => Buffer.byteLength(text) <= 1024 && !/^\.{1,2}(\/|$)|\/\.{1,2}(\/|$)/.test(text)),
        fc.uint8Array({ maxLength: 2000 }),
        fc.nat(2100),
        fc.nat(2100),
        async (name, content, from, length) => {
          const { ETag } = await put(name, content);
          expect(ETag).toBe(`"${createHash("md5").update(content).digest("hex")}"`);
          expect(await get(name)).toEqual(Buffer.from(content));
          if (from < content.length) {
            const part = await get(name, `bytes=${from}-${from + length}`);
            expect(part).toEqual(Buffer.from(content.subarray(from, from + length + 1)));
          }
          const listed = await client.send(
            new ListObjectsV2Command({ Bucket, EncodingType: "url", Prefix: name }),
          );
          expect(listed.Contents?.map((object) => decodeURIComponent(object.Key!))).toContain(name);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("keep their metadata, also in a copy, unless it is replaced", async () => {
    const Metadata = { colour: "red" };
    await put("with metadata", "x", { Metadata, ContentType: "text/plain", CacheControl: "no-cache" });
    const CopySource = `${Bucket}/${encodeURIComponent("with metadata")}`;
    await client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource }));
    expect(await client.send(new HeadObjectCommand({ Bucket, Key: "copy" }))).toMatchObject({
      Metadata,
      ContentType: "text/plain",
      CacheControl: "no-cache",
      ContentLength: 1,
    });
    const replaced = { Metadata: { colour: "blue" }, MetadataDirective: "REPLACE" } as const;
    await client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource, ...replaced }));
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: "copy" }));
    expect(head.Metadata).toEqual({ colour: "blue" });
    await expect(
      client.send(new CopyObjectCommand({ Bucket, Key: "with metadata", CopySource })),
    ).rejects.toThrow(/it is trying to copy an object to itself/);
  });

  test("the last bytes, bytes past the end, and a range that is none", async () => {
    await put("digits", "0123456789");
    expect(String(await get("digits", "bytes=-3"))).toBe("789");
    expect(String(await get("digits", "bytes=7-100"))).toBe("789");
    expect(String(await get("digits", "bytes=7-"))).toBe("789");
    expect(String(await get("digits", "bytes=5-2"))).toBe("0123456789");
    await expect(get("digits", "bytes=10-")).rejects.toEqual(code("InvalidRange"));
  });

  test("are written only where nobody was faster", async () => {
    await put("once", "first", { IfNoneMatch: "*" });
    await expect(put("once", "second", { IfNoneMatch: "*" })).rejects.toEqual(code("PreconditionFailed"));
    const { ETag } = await client.send(new HeadObjectCommand({ Bucket, Key: "once" }));
    await put("once", "third", { IfMatch: ETag });
    await expect(put("once", "fourth", { IfMatch: ETag })).rejects.toEqual(code("PreconditionFailed"));
    expect(String(await get("once"))).toBe("third");
    const read = (more: object) => client.send(new GetObjectCommand({ Bucket, Key: "once", ...more }));
    await expect(read({ IfMatch: ETag })).rejects.toEqual(code("PreconditionFailed"));
    await expect(read({ IfModifiedSince: new Date(Date.now() + 60_000) })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 304 },
    });
    await read({ IfNoneMatch: ETag });
  });

  test("named like numbers are deleted by their very names", async () => {
    for (const Key of ["7", "007", "1e2", "100"]) await put(Key, Key);
    const Objects = [{ Key: "007" }, { Key: "1e2" }, { Key: "never there" }];
    const { Deleted } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(Deleted).toEqual(Objects);
    expect(String(await get("7"))).toBe("7");
    expect(String(await get("100"))).toBe("100");
    await expect(get("007")).rejects.toEqual(code("NoSuchKey"));
    await client.send(new DeleteObjectCommand({ Bucket, Key: "never there" }));
  });

  test("are read to their end although they are replaced or deleted meanwhile", async () => {
    const content = Buffer.alloc(8 * mebibyte, "a");
    await put("moving", content);
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: "moving" }));
    await put("moving", "b");
    await client.send(new DeleteObjectCommand({ Bucket, Key: "moving" }));
    expect(Buffer.from(await Body!.transformToByteArray()).equals(content)).toBe(true);
  });

  test("whose checksum is wrong are refused, and the old one stays", async () => {
    await put("sum", "good");
    for (const wrong of [
      { ContentMD5: createHash("md5").update("other").digest("base64") },
      { ChecksumSHA256: createHash("sha256").update("other").digest("base64") },
      { ChecksumCRC32C: "AAAAAA==" },
    ]) {
      await expect(put("sum", "bad", wrong)).rejects.toEqual(code("BadDigest"));
    }
    expect(String(await get("sum"))).toBe("good");
  });

  test.each(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const)(
    "are checked by %s",
    async (name) => {
      await put("checked", "x", { ChecksumAlgorithm: name });
      expect(String(await get("checked"))).toBe("x");
    },
  );
});

describe("multipart uploads", () => {
  const part = (text: string) => Buffer.alloc(5 * mebibyte, text);

  async function start(Key: string): Promise<string> {
    return (await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ContentType: "text/big" })))
      .UploadId!;
  }

  async function upload(Key: string, UploadId: string, PartNumber: number, Body: Buffer) {
    const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
    return { PartNumber, ETag };
  }

  async function complete(Key: string, UploadId: string, Parts: { PartNumber: number; ETag?: string }[]) {
    const command = new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
    return await client.send(command);
  }

  test("put parts together, those named and no others, and completing may be repeated", async () => {
    const id = await start("big");
    const third = await upload("big", id, 3, Buffer.from("end"));
    await upload("big", id, 1, part("x"));
    const first = await upload("big", id, 1, part("a"));
    const second = await upload("big", id, 2, part("b"));
    const unused = await upload("big", id, 4, Buffer.from("unused"));
    const listed = await client.send(new ListPartsCommand({ Bucket, Key: "big", UploadId: id, MaxParts: 3 }));
    expect(listed.Parts!.map(({ PartNumber }) => PartNumber)).toEqual([1, 2, 3]);
    expect(listed.IsTruncated).toBe(true);
    expect(unused.PartNumber).toBe(4);
    const done = await complete("big", id, [first, second, third]);
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
    expect((await complete("big", id, [first, second, third])).ETag).toBe(done.ETag);
    const whole = Buffer.concat([part("a"), part("b"), Buffer.from("end")]);
    expect((await get("big")).equals(whole)).toBe(true);
    const across = await get("big", `bytes=${5 * mebibyte - 2}-${5 * mebibyte + 1}`);
    expect(String(across)).toBe("aabb");
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: "big" }));
    expect(head).toMatchObject({ ContentType: "text/big", ContentLength: whole.length });
  });

  test("refuse parts that are missing, too small, or out of order", async () => {
    const id = await start("wrong");
    const first = await upload("wrong", id, 1, part("a"));
    const small = await upload("wrong", id, 2, Buffer.from("small"));
    const last = await upload("wrong", id, 3, Buffer.from("last"));
    await expect(complete("wrong", id, [first, { ...small, PartNumber: 4 }])).rejects.toEqual(
      code("InvalidPart"),
    );
    await expect(complete("wrong", id, [{ ...first, ETag: '"0"' }])).rejects.toEqual(code("InvalidPart"));
    await expect(complete("wrong", id, [small, first])).rejects.toEqual(code("InvalidPartOrder"));
    await expect(complete("wrong", id, [first, small, last])).rejects.toEqual(code("EntityTooSmall"));
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key: "wrong", UploadId: id }));
    await expect(upload("wrong", id, 1, Buffer.from("x"))).rejects.toEqual(code("NoSuchUpload"));
    await expect(get("wrong")).rejects.toEqual(code("NoSuchKey"));
  });

  test("are listed by key, page by page", async () => {
    const keys = ["list/a", "list/a", "list/b", "list/c"];
    for (const key of keys) await start(key);
    const found: string[] = [];
    let marker: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (;;) {
      const command = new ListMultipartUploadsCommand({ Bucket, Prefix: "list/", MaxUploads: 1, ...marker });
      const page = await client.send(command);
      found.push(...(page.Uploads ?? []).map(({ Key }) => Key!));
      if (!page.IsTruncated) break;
      marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
    expect(found).toEqual(keys);
  });

  test("take parts from objects that are there", async () => {
    await put("source", Buffer.concat([part("s"), Buffer.from("0123")]));
    const id = await start("target");
    const from = { Bucket, Key: "target", UploadId: id, CopySource: `${Bucket}/source` };
    const one = await client.send(new UploadPartCopyCommand({ ...from, PartNumber: 1 }));
    const CopySourceRange = `bytes=${5 * mebibyte}-${5 * mebibyte + 2}`;
    const two = await client.send(new UploadPartCopyCommand({ ...from, PartNumber: 2, CopySourceRange }));
    await complete("target", id, [
      { PartNumber: 1, ETag: one.CopyPartResult!.ETag },
      { PartNumber: 2, ETag: two.CopyPartResult!.ETag },
    ]);
    expect(String((await get("target")).subarray(5 * mebibyte))).toBe("0123012");
  });
});

describe("buckets", () => {
  test("are listed by continuation, with folders, in both versions", async () => {
    await client.send(new CreateBucketCommand({ Bucket: "folders" }));
    for (const Key of ["a/1", "a/2", "b", "c/1", "d"]) {
      await client.send(new PutObjectCommand({ Bucket: "folders", Key, Body: "-" }));
    }
    const seen: string[] = [];
    for (let ContinuationToken: string | undefined; ; ) {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket: "folders", Delimiter: "/", MaxKeys: 1, ContinuationToken }),
      );
      expect(page.KeyCount).toBe(1);
      seen.push(page.Contents?.[0]?.Key ?? page.CommonPrefixes![0]!.Prefix!);
      ContinuationToken = page.NextContinuationToken;
      if (ContinuationToken === undefined) break;
    }
    expect(seen).toEqual(["a/", "b", "c/", "d"]);
    const first = await client.send(new ListObjectsCommand({ Bucket: "folders", MaxKeys: 2 }));
    const rest = await client.send(new ListObjectsCommand({ Bucket: "folders", Marker: first.NextMarker }));
    expect([...first.Contents!, ...rest.Contents!].map(({ Key }) => Key)).toEqual([
      "a/1",
      "a/2",
      "b",
      "c/1",
      "d",
    ]);
    await expect(
      client.send(new ListObjectsV2Command({ Bucket: "folders", ContinuationToken: "not one of ours" })),
    ).rejects.toEqual(code("InvalidArgument"));
  });

  test("exist once, and are deleted when empty", async () => {
    await client.send(new CreateBucketCommand({ Bucket: "twice" }));
    await expect(client.send(new CreateBucketCommand({ Bucket: "twice" }))).rejects.toEqual(
      code("BucketAlreadyOwnedByYou"),
    );
    await client.send(new PutObjectCommand({ Bucket: "twice", Key: "x", Body: "-" }));
    await expect(client.send(new DeleteBucketCommand({ Bucket: "twice" }))).rejects.toEqual(
      code("BucketNotEmpty"),
    );
    const versions = await client.send(new ListObjectVersionsCommand({ Bucket: "twice" }));
    expect(versions.Versions).toMatchObject([{ Key: "x", VersionId: "null", IsLatest: true }]);
    await client.send(new DeleteObjectCommand({ Bucket: "twice", Key: "x", VersionId: "null" }));
    await client.send(new DeleteBucketCommand({ Bucket: "twice" }));
    await expect(client.send(new DeleteBucketCommand({ Bucket: "twice" }))).rejects.toEqual(
      code("NoSuchBucket"),
    );
  });

  test("say where they are and that they keep no versions", async () => {
    const location = await client.send(new GetBucketLocationCommand({ Bucket }));
    expect(location.LocationConstraint).toBe("local");
    expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBeUndefined();
  });

  test.each(["ab", "UPPER", "a..b", "-a-b", "192.0.2.1", "a".repeat(64)])(
    "are not called %s",
    async (name) => {
      const { status, body } = await signedRequest("PUT", `/${name}`);
      expect(status).toBe(400);
      expect(body).toContain("<Code>InvalidBucketName</Code>");
    },
  );
});

describe("what is not offered is refused, never passed over", () => {
  test.each([
    [
      "encryption on the server",
      new PutObjectCommand({ Bucket, Key: "locked", Body: "x", ServerSideEncryption: "AES256" }),
      "encryption on the server: encrypt before uploading (x-amz-server-side-encryption)",
    ],
    [
      "public objects",
      new PutObjectCommand({ Bucket, Key: "locked", Body: "x", ACL: "public-read" }),
      'the access "public-read": objects belong to the bucket\'s owner alone',
    ],
    [
      "tags",
      new PutObjectCommand({ Bucket, Key: "locked", Body: "x", Tagging: "a=b" }),
      "tags (x-amz-tagging)",
    ],
  ])("%s", async (_what, command, words) => {
    await expect(client.send(command as PutObjectCommand)).rejects.toMatchObject({
      name: "NotImplemented",
      message: `This object storage does not offer ${words}. Nothing was changed.`,
      $metadata: { httpStatusCode: 501 },
    });
    await expect(get("locked")).rejects.toEqual(code("NoSuchKey"));
  });
});

describe("connections", () => {
  test("health is answered without a signature, nothing else is", async () => {
    expect(await plainRequest("GET", "/-/health")).toMatchObject({ status: 200, body: "ok\n" });
    expect((await plainRequest("GET", "/")).body).toContain("<Code>AccessDenied</Code>");
    expect((await plainRequest("PUT", `/${Bucket}/anonymous`, "x")).status).toBe(403);
    await expect(get("anonymous")).rejects.toEqual(code("NoSuchKey"));
  });

  test("a refused upload gets its answer, and the connection goes on", async () => {
    const body = Buffer.alloc(3 * mebibyte);
    const { status, body: answer } = await signedRequest("PUT", "/no-such-bucket/x", body);
    expect(status).toBe(404);
    expect(answer).toContain("<BucketName>no-such-bucket</BucketName>");
  });

  test("a body that is not the one that was signed is not stored", async () => {
    const { status, body } = await signedRequest(
      "PUT",
      `/${Bucket}/tampered`,
      Buffer.from("signed"),
      (signed) => Buffer.from(signed).fill("x"),
    );
    expect(status).toBe(400);
    expect(body).toContain("<Code>XAmzContentSHA256Mismatch</Code>");
    await expect(get("tampered")).rejects.toEqual(code("NoSuchKey"));
  });

  test("nothing went wrong on the server's side in all this", () => {
    expect(storage.lines).toEqual([]);
  });
});

interface Reply {
  status: number;
  body: string;
}

async function plainRequest(method: string, path: string, body?: string): Promise<Reply> {
  return await send(method, path, {}, body === undefined ? undefined : Buffer.from(body));
}

/** A request signed for `body`, which sends what `change` makes of it. */
async function signedRequest(
  method: string,
  path: string,
  body: Buffer = Buffer.alloc(0),
  change: (body: Buffer) => Buffer = (same) => same,
): Promise<Reply> {
  const { SignatureV4 } = await import("@smithy/signature-v4");
  const { Sha256 } = await import("@aws-crypto/sha256-js");
  const signer = new SignatureV4({
    service: "s3",
    region: "local",
    sha256: Sha256,
    uriEscapePath: false,
    credentials: { accessKeyId: storage.accessKey, secretAccessKey: storage.secretKey },
  });
  const headers = {
    host: `127.0.0.1:${storage.port}`,
    "x-amz-content-sha256": createHash("sha256").update(body).digest("hex"),
  };
  const signed = await signer.sign({
    method,
    protocol: "https:",
    hostname: "127.0.0.1",
    path,
    headers,
    body,
  });
  return await send(method, path, { ...signed.headers, "content-length": String(body.length) }, change(body));
}

function send(method: string, path: string, headers: Record<string, string>, body?: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: "127.0.0.1", port: storage.port, method, path, headers, ca: storage.caCertificate },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode!, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
