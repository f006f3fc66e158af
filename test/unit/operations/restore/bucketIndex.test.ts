import { CreateBucketCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { s3Client } from "../../../../clients/s3.ts";
import { decrypted, parseIndex, readBucket } from "../../../../operations/restore/bucketIndex.ts";
import { startTestStorage } from "../../cloud/objects/storage.ts";

/** An index as pgBackRest 2.55.1 wrote it with this key, of a cluster with one backup. */
const cipher = "YRKznZe4jY3hyDvoiFlU57SkHupLMR4i";
const written = Buffer.from(
  [
    "U2FsdGVkX18XMeuUUmfRAHcxvh3CEbMZXh7wGnGtH5jLVcVd0fjnTaGntVQAsFmD5x86Fkw5vW34oaWMempqPvVVjk/Q4gGGbDMj",
    "UB4tr8xoQFUNHdu1HWUT233FeNsIkAwxGjMnB1wZ56DHRgq3xHE0CKFLN9tU96P/lerV89fj8YfXab79SPOt3qhw4dpDfDuIBfzf",
    "XfRCqN8LK4mUX0ghU7VOKNjVZZQrd24IF3jdqRPuyGRioIw/SXK3wVN3RLHuZfSAWwGIp7SE0tNdNR+DNNInjwwNVJMMzeJ0OGvk",
    "PY/3+Fn2xOeYjYqSlF+1zv+RsfXPmH6CckarxSfyT6r3/dSM1sEWHCsY/522C4lpdWXePPyGXQjT8JP9SrztwR4h3PIIfRh5AVtI",
    "dSo4fBcz1Fxo/TFH/GhgnDwFSncRzLKIBJ8nHOpMsCzssFmhQMomDSl3AjJtcvd1q0D4/hXHhzIG895woE5VhjCpP1SiOblJAv5/",
    "bYK1kbEWw1zyZEB8OGEwAjUMp2XPDufWBhKuwkLJlJiuyQJHPHFFTq9GNESM2nlKm6XwGLWYpN51GfXDmlGXrXdHVlEU0nPdUVI6",
    "qoQrVssyaRUs3T9UVjkasOZrpA9m/IkVEi3UJgPztFuncYSDr2DvLRTFGPLQk1SO1AgQt6BqNYZ1S+HiionnsLHz4Pp+a+6oRRwh",
    "IeDG7nUtI9+NhYUK4jvDgGGgUb5ANeb5cw00VCHIW3eMm0L/yTctWZJSj3nSWHuppIBOt8ECprm4xezvLbbKdRvUMyePKkOkVNtc",
    "yRWGSOYZoWV2555xQcSBAC7I5obnXD6GEJsqmpr9SfZ42i+cW/ITSF/NTzdZbQwShesZI9vViVGz7bTXwWo3D8KMde9eUPqEqFkW",
    "h8Ew4hwytlmeV39P+xpZpr6FgoOpjCL+zWZ5TbL8ern7ivRu2I+HKFzEtvJP/0atig46Iy1GaYlDSxSpfRxYsWbh1Hc9KDBcSJVN",
    "UlNZcnDUqkthfoSAyeev0LXtmcxhEWiaqUmhULaU6Xctk6b/wMXeSi73ppgHK4QZVpjo1/IcL+J3eGDwckN+al7l+QAZzGsw2oi2",
    "hGhpnRSnBM1Hv9uxZI+UOMMlTOCGE9pPbWW6Au+o39MgULost430+/iWu/A9PdmvkWKyChwNXQVBwsVv2RJvDzmEpCxO5I1bxf+u",
    "mtk1Jbo9RM9Anrcn7WT5XZaC2IROBjKdquzez47wUFzqrvnfABwa2pL3jQ+4JmPKtvz4JmTxSPHKu9LOonAnHepH+c+fanXazKIF",
    "NJMCMNdx/uBhb85eHyuDGDwPfFqEi6+5RkFZsthpc9I/FlrNKNDVVnp6byv+UdlVIWkjLwrINqriK1O+83GYjUKN9VOa/Cmg7DVm",
    "wah1gBU8RzRLzMUA3uA4ipZWePunxMqlg3QLvR+uZXmqZDkQuoa6WYDkBhKMyHzeTyfLsz4Z9WLSET0KlFn44sWL/aQSv8n7qOm8",
    "j8kyUByuSgo6fVLyu0aL84+ZybRfe2d4akR7HS8HnjOa6867Ol3au7CQkcixQyhU+NJcRP4Sb8Snit8vQvAvFDm0Wwqw/el9HAnT",
    "HptcfgOI0nE7QgFq1hpQDWmISifyJB93U1vnoeH8jNQY1wpoHOid5Wm367G1luiv",
  ].join(""),
  "base64",
);

test("the backups that a bucket holds are read without a machine", () => {
  expect(parseIndex(decrypted(written, cipher))).toEqual([
    {
      label: "20261122-032501F",
      finished: new Date("2026-11-22T03:25:05Z"),
      stopLsn: "0/2000120",
      bytes: 31390769,
      timeline: 1,
    },
  ]);
});

test("a changed index, another key and what is no index are told", () => {
  const text = decrypted(written, cipher);
  expect(() => parseIndex(text.replace("31390769", "31390760"))).toThrow("it is not as pgBackRest wrote it");
  expect(() => parseIndex("")).toThrow("it is not as pgBackRest wrote it");
  expect(() => decrypted(written, `${cipher}x`)).toThrow(/bad decrypt/);
  expect(() => decrypted(Buffer.from("[backrest]\n"), cipher)).toThrow(
    "it is not encrypted as pgBackRest does",
  );
});

test("of a damaged index the copy is read; where neither is one, it says so before anything is made", async () => {
  const storage = await startTestStorage();
  const { accessKey, caCertificate, endpoint, secretKey } = storage;
  const bucket = { name: "backups", endpoint, region: "fsn1", accessKey, secretKey, caCertificate };
  const client = s3Client(bucket);
  const put = async (Key: string, Body: Uint8Array) => {
    await client.send(
      new PutObjectCommand({ Bucket: bucket.name, Key: `postgresql/backup/main/${Key}`, Body }),
    );
  };
  const read = (key = cipher) => readBucket(bucket, "main", key);
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket.name }));
    expect(await read()).toEqual({ backups: [] });
    await put("backup.info.copy", written);
    expect((await read()).backups).toHaveLength(1);
    const damaged = Buffer.from(written);
    damaged[200]! ^= 1;
    await put("backup.info", damaged);
    expect((await read()).backups).toHaveLength(1);
    await expect(read("another key")).rejects.toMatchObject({
      happened: "The backups cannot be read: their key is not the one that they were written with.",
      exitCode: 2,
    });
    await put("backup.info.copy", damaged);
    await expect(read()).rejects.toMatchObject({
      happened: expect.stringContaining("backup.info.copy: it is not as pgBackRest wrote it"),
      left: "Nothing was touched.",
      exitCode: 2,
    });
  } finally {
    client.destroy();
    await storage.remove();
  }
});
