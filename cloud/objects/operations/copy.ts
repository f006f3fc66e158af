import { noSuchBucket, notImplemented, S3Error } from "../protocol/errors.ts";
import { parseHead, queryValue } from "../protocol/request.ts";
import type { Blob, Lease } from "../store/blobs.ts";
import type { StoredObject } from "../store/objects.ts";
import { writeCondition } from "./conditions.ts";
import { type Answer, type Exchange, isoTime, result, versionHeaders } from "./exchange.ts";
import { headersToKeep, quoted } from "./headers.ts";
import { askedLock } from "./lockHeaders.ts";
import { findUpload } from "./multipart.ts";
import { parseRange } from "./range.ts";

/** PUT of an object with x-amz-copy-source. */
export async function copyObject(exchange: Exchange): Promise<Answer> {
  const { head, store } = exchange;
  const directive = head.headers["x-amz-metadata-directive"] ?? "COPY";
  if (directive !== "COPY" && directive !== "REPLACE") {
    throw new S3Error("InvalidArgument", "Unknown metadata directive.", {
      ArgumentName: "x-amz-metadata-directive",
      ArgumentValue: directive,
    });
  }
  const condition = writeCondition(head.key, head.headers);
  const lock = askedLock(exchange);
  return await withSource(exchange, async (source, lease, itself, sourceHeaders) => {
    if (itself && directive === "COPY") {
      throw new S3Error(
        "InvalidRequest",
        "This copy request is illegal because it is trying to copy an object to itself without changing the " +
          "object's metadata.",
      );
    }
    const headers = directive === "COPY" ? source.headers : headersToKeep(head.headers);
    const { md5, ...piece } = await store.blobs.write(lease.read(0, source.size));
    const copy = { pieces: [piece], etag: md5, headers, lock };
    const stored = await store.objects.put(head.bucket, head.key, copy, condition);
    return {
      ...result("CopyObjectResult", { LastModified: isoTime(stored.modified), ETag: quoted(stored.etag) }),
      headers: {
        "Content-Type": "application/xml",
        ...sourceHeaders,
        ...versionHeaders(store, head.bucket, stored.version),
      },
    };
  });
}

/** PUT of a part with x-amz-copy-source, of the whole object or a range of it. */
export async function copyPart(exchange: Exchange): Promise<Answer> {
  const { head, store } = exchange;
  const { id, number } = findUpload(exchange);
  return await withSource(exchange, async (source, lease) => {
    const asked = head.headers["x-amz-copy-source-range"];
    const range = parseRange(asked, source.size);
    if (asked !== undefined && range === null) throw notImplemented(`the range ${asked} of a copy's source`);
    const blob: Blob = await store.blobs.write(lease.read(range?.start ?? 0, range?.end ?? source.size));
    const part = await store.uploads.putPart(id, number, blob);
    return result("CopyPartResult", { LastModified: isoTime(part.modified), ETag: quoted(part.etag) });
  });
}

async function withSource(
  { head, store, account }: Exchange,
  use: (
    source: StoredObject,
    lease: Lease,
    itself: boolean,
    headers: Record<string, string>,
  ) => Promise<Answer>,
): Promise<Answer> {
  const header = head.headers["x-amz-copy-source"]!;
  const source = parseHead("GET", header.startsWith("/") ? header : `/${header}`, {});
  const bucket = store.buckets.find(source.bucket);
  if (bucket === undefined) throw noSuchBucket(source.bucket);
  if (bucket.owner !== account.name) throw new S3Error("AccessDenied", "Access Denied");
  const version = queryValue(source, "versionId") ?? "";
  const { object, content } = store.objects.open(source.bucket, source.key, version);
  try {
    // An older version may be put on top again.
    const itself = source.bucket === head.bucket && source.key === head.key && object.latest;
    const headers: Record<string, string> =
      bucket.versioning === "" ? {} : { "x-amz-copy-source-version-id": object.version };
    return await use(object, content, itself, headers);
  } finally {
    await content.release();
  }
}
