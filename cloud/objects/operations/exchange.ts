import type { Account } from "../accounts.ts";
import { S3Error } from "../protocol/errors.ts";
import type { RequestHead } from "../protocol/request.ts";
import { parseXml, renderResult, type XmlValue } from "../protocol/xml.ts";
import type { Lease } from "../store/blobs.ts";
import type { Store } from "../store/store.ts";

/** The largest XML body in bytes: deleting 1,000 keys of 1,024 bytes fits. */
const maximalXml = 4 * 1024 * 1024;

/** A request whose sender is known and, where it is about a bucket, owns it. */
export interface Exchange {
  head: RequestHead;
  account: Account;
  store: Store;
  region: string;
  /** The content of the body. It throws at its end when it is not what was signed or promised. */
  body(): AsyncIterable<Uint8Array>;
}

/** Bytes of an object; whoever sends it releases the lease. */
export interface Content {
  lease: Lease;
  start: number;
  /** Not included. */
  end: number;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Content;
}

export type Operation = (exchange: Exchange) => Promise<Answer> | Answer;

/** 200 with a document of S3's. */
export function result(root: string, content: Record<string, XmlValue>): Answer {
  return { status: 200, headers: { "Content-Type": "application/xml" }, body: renderResult(root, content) };
}

/**
 * The content of the root element of the request's body; undefined where the body is empty.
 * @throws S3Error MalformedXML and what `body` throws.
 */
export async function readXml(
  exchange: Exchange,
  root: string,
): Promise<Record<string, unknown> | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of exchange.body()) {
    size += chunk.length;
    if (size > maximalXml) {
      throw new S3Error("EntityTooLarge", "The XML body is too large.", {
        MaxSizeAllowed: String(maximalXml),
      });
    }
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  return parseXml(Buffer.concat(chunks).toString("utf8"), root);
}

/** Names the version that an answer is about, where the bucket has ever kept versions. */
export function versionHeaders(store: Store, bucket: string, version: string): Record<string, string> {
  return store.buckets.find(bucket)?.versioning ? { "x-amz-version-id": version } : {};
}

export function owner(name: string): Record<string, XmlValue> {
  return { ID: name, DisplayName: name };
}

/** As XML has times: 2026-11-21T06:31:00.000Z. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
