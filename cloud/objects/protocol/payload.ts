import { checksumHeaders, checksumOf, type Digest, hash } from "./checksums.ts";
import { decodeChunked } from "./chunked.ts";
import { unsignedPayload } from "./claim.ts";
import { notImplemented, S3Error } from "./errors.ts";
import type { ChunkSigner } from "./signature.ts";

/** The largest object of one upload, or part, in bytes, as at S3: 5 GiB. */
const maximalSize = 5 * 1024 ** 3;

interface Encoding {
  signed: boolean;
  trailer: boolean;
}

/** The values of x-amz-content-sha256 that announce a body in chunks. */
const chunkedEncodings: Record<string, Encoding> = {
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": { signed: true, trailer: false },
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": { signed: true, trailer: true },
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER": { signed: false, trailer: true },
};

/** One promise of the request about its body: what the digest must come to, in base64. */
interface Promised {
  digest: Digest;
  expected: string;
  error: S3Error;
}

/**
 * The content of a request's body. It ends only when all that the request said about it came true: its length, its
 * SHA-256, Content-MD5, x-amz-checksum-*, the signatures of its chunks; else it throws at the end, so whoever reads
 * it must not let it count before.
 * @param payload the value that was signed as x-amz-content-sha256
 * @throws S3Error BadDigest, EntityTooLarge, IncompleteBody, InvalidDigest, XAmzContentSHA256Mismatch and others.
 */
export async function* readPayload(
  body: AsyncIterable<Uint8Array>,
  headers: Record<string, string>,
  payload: string,
  signer: ChunkSigner,
): AsyncGenerator<Uint8Array> {
  const encoding = encodingOf(payload);
  const length = contentLength(headers, encoding !== null);
  const promises = promised(headers, payload, encoding);
  const trailing = encoding?.trailer === true ? trailingChecksum(headers) : null;
  const digests = [...promises.map(({ digest }) => digest), ...(trailing === null ? [] : [trailing.digest])];
  let trailer: Record<string, string> = {};
  const content =
    encoding === null
      ? body
      : decodeChunked(body, {
          signer: encoding.signed ? signer : null,
          trailer: encoding.trailer,
          onTrailer: (found) => {
            trailer = found;
          },
        });
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > length) throw incomplete(length, size);
    for (const digest of digests) digest.update(chunk);
    yield chunk;
  }
  if (size !== length) throw incomplete(length, size);
  for (const { digest, expected, error } of promises) {
    if ((await digest.end()) !== expected) throw error;
  }
  if (trailing !== null && (await trailing.digest.end()) !== trailer[trailing.name])
    throw badDigest(trailing.name);
}

function encodingOf(payload: string): Encoding | null {
  if (!payload.startsWith("STREAMING-")) return null;
  const encoding = chunkedEncodings[payload];
  if (encoding === undefined) throw notImplemented(`the body encoding ${payload}`);
  return encoding;
}

function contentLength(headers: Record<string, string>, chunked: boolean): number {
  const name = chunked ? "x-amz-decoded-content-length" : "content-length";
  const value = headers[name];
  // A request without a body need not say that it is empty.
  if (value === undefined && !chunked && headers["transfer-encoding"] === undefined) return 0;
  if (value === undefined || !/^\d{1,15}$/.test(value)) {
    throw new S3Error("MissingContentLength", `You must provide the ${name} HTTP header.`);
  }
  const length = Number(value);
  if (length <= maximalSize) return length;
  throw new S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
    ProposedSize: value,
    MaxSizeAllowed: String(maximalSize),
  });
}

function promised(headers: Record<string, string>, payload: string, encoding: Encoding | null): Promised[] {
  const promises: Promised[] = [];
  if (encoding === null && payload !== unsignedPayload) {
    if (!/^[0-9a-f]{64}$/.test(payload)) {
      throw new S3Error(
        "InvalidArgument",
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-* or a valid sha256 value.",
        { ArgumentName: "x-amz-content-sha256", ArgumentValue: payload },
      );
    }
    promises.push({
      digest: hash("sha256"),
      expected: Buffer.from(payload, "hex").toString("base64"),
      error: new S3Error(
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        { ClientComputedContentSHA256: payload },
      ),
    });
  }
  const md5 = headers["content-md5"];
  if (md5 !== undefined) {
    if (Buffer.from(md5, "base64").length !== 16) {
      throw new S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.", {
        "Content-MD5": md5,
      });
    }
    promises.push({ digest: hash("md5"), expected: md5, error: badDigest("Content-MD5") });
  }
  for (const [name, expected] of checksumHeaders(headers)) {
    const make = checksumOf(name);
    if (make === undefined) throw notImplemented(`the checksum ${name}`);
    promises.push({ digest: make(), expected, error: badDigest(name) });
  }
  return promises;
}

/** The checksum that `x-amz-trailer` announces. */
function trailingChecksum(headers: Record<string, string>): { name: string; digest: Digest } | null {
  const name = headers["x-amz-trailer"]?.trim().toLowerCase();
  if (name === undefined || name === "") return null;
  const make = checksumOf(name);
  if (make === undefined) throw notImplemented(`the trailer ${name}`);
  return { name, digest: make() };
}

function badDigest(name: string): S3Error {
  return new S3Error(
    "BadDigest",
    `The ${name} you specified did not match the calculated checksum of the content. Nothing was stored.`,
  );
}

function incomplete(expected: number, received: number): S3Error {
  return new S3Error(
    "IncompleteBody",
    "You did not provide the number of bytes specified by the Content-Length HTTP header.",
    { ExpectedBytes: String(expected), ReceivedBytes: String(received) },
  );
}
