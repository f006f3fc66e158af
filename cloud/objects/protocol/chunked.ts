import { createHash } from "node:crypto";
import { S3Error } from "./errors.ts";
import type { ChunkSigner } from "./signature.ts";

/** A chunk's head and a trailer are short lines: more is no aws-chunked body. */
const maximalLine = 8 * 1024;
/** A signed chunk is held until its signature is checked. */
const maximalSignedChunk = 16 * 1024 * 1024;

const emptyHash = createHash("sha256").digest("hex");

export interface ChunkedOptions {
  /** Null where the chunks are not signed. */
  signer: ChunkSigner | null;
  /** Whether headers may follow the last chunk. */
  trailer: boolean;
  /** Gets the trailing headers, by lower-case names, before the body ends. */
  onTrailer(headers: Record<string, string>): void;
}

/**
 * The content of a body in the encoding `aws-chunked`: `<size in hex>[;chunk-signature=<signature>]\r\n<bytes>\r\n`
 * again and again up to a chunk of size 0, then trailing headers and an empty line.
 * @throws S3Error IncompleteBody, InvalidRequest, SignatureDoesNotMatch.
 */
export async function* decodeChunked(
  body: AsyncIterable<Uint8Array>,
  options: ChunkedOptions,
): AsyncGenerator<Uint8Array> {
  const reader = new Reader(body);
  let previous = options.signer?.first ?? "";
  for (;;) {
    const { size, signature } = parseChunkHead(await reader.line());
    if (options.signer === null) {
      for await (const piece of reader.take(size)) yield piece;
    } else {
      const chunk = await reader.whole(size);
      const hash = createHash("sha256").update(chunk).digest("hex");
      const expected = options.signer.sign("AWS4-HMAC-SHA256-PAYLOAD", previous, [emptyHash, hash]);
      if (signature !== expected) throw wrongChunk();
      previous = expected;
      if (size > 0) yield chunk;
    }
    if (size === 0) break;
    if ((await reader.line()) !== "") throw malformed();
  }
  await readTrailer(reader, previous, options);
}

async function readTrailer(reader: Reader, previous: string, options: ChunkedOptions): Promise<void> {
  const headers: Record<string, string> = {};
  let signed = "";
  let signature: string | undefined;
  for (;;) {
    const line = await reader.line({ endAllowed: true });
    if (line === "") break;
    const colon = line.indexOf(":");
    if (!options.trailer || colon < 0) throw malformed();
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "x-amz-trailer-signature") signature = value;
    else {
      headers[name] = value;
      signed += `${name}:${value}\n`;
    }
  }
  if (options.trailer && options.signer !== null) {
    const hash = createHash("sha256").update(signed).digest("hex");
    if (signature !== options.signer.sign("AWS4-HMAC-SHA256-TRAILER", previous, [hash])) throw wrongChunk();
  }
  options.onTrailer(headers);
}

function parseChunkHead(line: string): { size: number; signature: string | undefined } {
  const match = /^([0-9a-fA-F]{1,10})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
  if (match === null) throw malformed();
  return { size: Number.parseInt(match[1]!, 16), signature: match[2] };
}

/** Takes lines and counted bytes off a stream of buffers. */
class Reader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer: Uint8Array = new Uint8Array();

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#source = body[Symbol.asyncIterator]();
  }

  /** Up to the next CR LF, without it. With `endAllowed` the end of the body counts as an empty line. */
  async line({ endAllowed = false } = {}): Promise<string> {
    for (;;) {
      const end = Buffer.from(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.length).indexOf(
        "\r\n",
      );
      if (end >= 0) {
        const text = Buffer.from(this.#buffer.subarray(0, end)).toString("latin1");
        this.#buffer = this.#buffer.subarray(end + 2);
        return text;
      }
      if (this.#buffer.length > maximalLine) throw malformed();
      const more = await this.#next();
      if (more === null) {
        if (endAllowed && this.#buffer.length === 0) return "";
        throw incomplete();
      }
      this.#buffer = this.#buffer.length === 0 ? more : Buffer.concat([this.#buffer, more]);
    }
  }

  async *take(size: number): AsyncGenerator<Uint8Array> {
    let left = size;
    while (left > 0) {
      if (this.#buffer.length === 0) {
        const more = await this.#next();
        if (more === null) throw incomplete();
        this.#buffer = more;
      }
      const piece = this.#buffer.subarray(0, left);
      this.#buffer = this.#buffer.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async whole(size: number): Promise<Uint8Array> {
    if (size > maximalSignedChunk) throw malformed();
    const pieces: Uint8Array[] = [];
    for await (const piece of this.take(size)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  async #next(): Promise<Uint8Array | null> {
    const { done, value } = await this.#source.next();
    return done === true ? null : value;
  }
}

function incomplete(): S3Error {
  return new S3Error("IncompleteBody", "The request body terminated unexpectedly.");
}

function malformed(): S3Error {
  return new S3Error(
    "InvalidRequest",
    "The body is not encoded as aws-chunked, as the request's headers say.",
  );
}

function wrongChunk(): S3Error {
  return new S3Error(
    "SignatureDoesNotMatch",
    "The signature of a chunk or of the trailer that we calculated does not match the one you provided.",
  );
}
