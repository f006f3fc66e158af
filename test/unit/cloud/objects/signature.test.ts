import { describe, expect, test } from "vitest";
import { readClaim } from "../../../../cloud/objects/protocol/claim.ts";
import { readPayload } from "../../../../cloud/objects/protocol/payload.ts";
import { parseHead } from "../../../../cloud/objects/protocol/request.ts";
import { verifySignature } from "../../../../cloud/objects/protocol/signature.ts";

/** Keys and signatures of the examples in Amazon's documentation, "Signature calculations" for S3. */
const accessKey = "AKIAIOSFODNN7EXAMPLE";
const secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const now = new Date("2013-05-24T00:00:00Z");
const host = "examplebucket.s3.amazonaws.com";
const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

function signed(
  method: string,
  target: string,
  names: string,
  signature: string,
  headers: Record<string, string> = {},
) {
  const credential = `${accessKey}/20130524/us-east-1/s3/aws4_request`;
  return parseHead(method, target, {
    host,
    "x-amz-date": "20130524T000000Z",
    "x-amz-content-sha256": empty,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${names},Signature=${signature}`,
    ...headers,
  });
}

async function verify(head: ReturnType<typeof parseHead>, secret = secretKey, at = now) {
  return await verifySignature(head, readClaim(head, at), secret);
}

const examples = {
  "GET of a range": signed(
    "GET",
    "/test.txt",
    "host;range;x-amz-content-sha256;x-amz-date",
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    { range: "bytes=0-9" },
  ),
  "PUT with a dollar sign in the key": signed(
    "PUT",
    "/test$file.text",
    "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    {
      date: "Fri, 24 May 2013 00:00:00 GMT",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
      "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    },
  ),
  "GET of a part without a value": signed(
    "GET",
    "/?lifecycle",
    "host;x-amz-content-sha256;x-amz-date",
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  ),
  "GET of a listing": signed(
    "GET",
    "/?max-keys=2&prefix=J",
    "host;x-amz-content-sha256;x-amz-date",
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  ),
  "presigned GET": parseHead(
    "GET",
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
      `&X-Amz-Credential=${accessKey}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z` +
      "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    { host },
  ),
};

describe("Amazon's own examples", () => {
  test.each(Object.entries(examples))("%s: is accepted", async (_name, head) => {
    await expect(verify(head)).resolves.toBeDefined();
  });

  test.each(Object.entries(examples))("%s: another secret key is refused", async (_name, head) => {
    await expect(verify(head, `${secretKey}x`)).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
  });

  test.each(Object.entries(examples))("%s: another path is refused", async (_name, head) => {
    const { method, headers } = head;
    const query = head.query.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
    const changed = parseHead(method, `/other?${query}`, headers);
    await expect(verify(changed)).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
  });

  test.each(Object.entries(examples))("%s: an added query parameter is refused", async (_name, head) => {
    const changed = { ...head, query: [...head.query, ["acl", ""] as [string, string]] };
    await expect(verify(changed)).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
  });
});

describe("the upload in chunks of Amazon's example", () => {
  const head = signed(
    "PUT",
    "/examplebucket/chunkObject.txt",
    "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    {
      host: "s3.amazonaws.com",
      "content-encoding": "aws-chunked",
      "content-length": "66824",
      "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
      "x-amz-decoded-content-length": "66560",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
    },
  );
  const chunks = [
    ["10000", "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", "a".repeat(65_536)],
    ["400", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", "a".repeat(1024)],
    ["0", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", ""],
  ];
  const body = chunks
    .map(([size, signature, text]) => `${size};chunk-signature=${signature}\r\n${text}\r\n`)
    .join("");

  async function read(text: string, pieceSize: number): Promise<string> {
    async function* pieces() {
      for (let at = 0; at < text.length; at += pieceSize) yield Buffer.from(text.slice(at, at + pieceSize));
    }
    const signer = await verify(head);
    const payload = head.headers["x-amz-content-sha256"]!;
    let content = "";
    for await (const chunk of readPayload(pieces(), head.headers, payload, signer))
      content += Buffer.from(chunk);
    return content;
  }

  test.each([1000, 4096, 65_537, 100_000])("comes out whole, however it is cut (%i)", async (pieceSize) => {
    expect(await read(body, pieceSize)).toBe("a".repeat(66_560));
  });

  test("a changed byte is found", async () => {
    const changed = `${body.slice(0, 1000)}b${body.slice(1001)}`;
    await expect(read(changed, 4096)).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
  });

  test("chunks left out are found", async () => {
    const [first, second, last] = body.split(/(?<=aa\r\n)/) as [string, string, string];
    expect(first + second + last).toBe(body);
    await expect(read(first + last, 4096)).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
    await expect(read(first + second, 4096)).rejects.toMatchObject({ code: "IncompleteBody" });
  });
});

describe("what a request says about its signature", () => {
  const head = examples["GET of a range"];
  const without = (...names: string[]) => ({
    ...head,
    headers: Object.fromEntries(Object.entries(head.headers).filter(([name]) => !names.includes(name))),
  });

  test.each([
    ["no signature", without("authorization"), "AccessDenied"],
    ["no time", without("x-amz-date"), "AccessDenied"],
    ["no hash of the body", without("x-amz-content-sha256"), "InvalidRequest"],
    ["signature version 2", withAuthorization("AWS AKIA:signature"), "InvalidRequest"],
    [
      "half an authorization",
      withAuthorization("AWS4-HMAC-SHA256 Credential=x"),
      "AuthorizationHeaderMalformed",
    ],
    [
      "a session token",
      { ...head, headers: { ...head.headers, "x-amz-security-token": "x" } },
      "InvalidToken",
    ],
    [
      "an x-amz header that is not signed",
      { ...head, headers: { ...head.headers, "x-amz-acl": "private" } },
      "AccessDenied",
    ],
  ])("%s is refused", (_what, wrong, code) => {
    expect(() => readClaim(wrong, now)).toThrow(expect.objectContaining({ code }));
  });

  function withAuthorization(authorization: string) {
    return { ...head, headers: { ...head.headers, authorization } };
  }

  test.each([-16, 16])("a clock %i minutes off is refused, 14 minutes are not", (minutes) => {
    const at = (offset: number) => new Date(now.getTime() + offset * 60_000);
    expect(() => readClaim(head, at(minutes))).toThrow(
      expect.objectContaining({ code: "RequestTimeTooSkewed" }),
    );
    expect(readClaim(head, at(minutes - 2 * Math.sign(minutes))).accessKey).toBe(accessKey);
  });

  test("a presigned URL ends when it says so", () => {
    const presigned = examples["presigned GET"];
    const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);
    expect(readClaim(presigned, at(86_400)).region).toBe("us-east-1");
    expect(() => readClaim(presigned, at(86_401))).toThrow(
      expect.objectContaining({ code: "AccessDenied", message: "Request has expired" }),
    );
  });

  test("a path that is no UTF-8 is refused", () => {
    expect(() => parseHead("GET", "/bucket/%ff", {})).toThrow(
      expect.objectContaining({ code: "InvalidURI" }),
    );
  });

  test("a key longer than 1,024 bytes is refused", () => {
    const key = encodeURIComponent("ü".repeat(513));
    expect(() => parseHead("GET", `/bucket/${key}`, {})).toThrow(
      expect.objectContaining({ code: "KeyTooLongError" }),
    );
  });
});
