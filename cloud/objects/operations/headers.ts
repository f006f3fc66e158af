import { notImplemented, S3Error } from "../protocol/errors.ts";
import type { RequestHead } from "../protocol/request.ts";
import type { ObjectHeaders, StoredObject } from "../store/objects.ts";
import { lockHeaders } from "./lockHeaders.ts";

/** Kept with an object and given back with it. */
const kept = ["cache-control", "content-disposition", "content-language", "content-type", "expires"];
const metaPrefix = "x-amz-meta-";
/** The most bytes of names and values of x-amz-meta-*, as at S3. */
const maximalMetadata = 2048;

/** Headers that ask for something which is not offered, by their beginning. */
const notOffered: [beginning: string, what: string][] = [
  ["x-amz-copy-source-if-", "conditions on the source of a copy"],
  ["x-amz-copy-source-server-side-encryption", "encryption on the server: encrypt before uploading"],
  ["x-amz-server-side-encryption", "encryption on the server: encrypt before uploading"],
  ["x-amz-grant-", "grants: objects belong to the bucket's owner alone"],
  ["x-amz-mfa", "deletion with a second factor"],
  ["x-amz-rename-source", "renaming"],
  ["x-amz-tagging", "tags"],
  ["x-amz-website-redirect-location", "websites"],
  ["x-amz-write-offset-bytes", "appending"],
];

/** What means nothing else than what is done anyway. */
const harmless: Record<string, string[]> = {
  "x-amz-tagging-directive": ["COPY"],
};

/**
 * Refuses headers that ask for what this storage does not do, instead of passing over them.
 * @throws S3Error NotImplemented, InvalidStorageClass.
 */
export function refuseWhatIsNotOffered(headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) {
    const found = notOffered.find(([beginning]) => name.startsWith(beginning));
    if (found !== undefined && !harmless[name]?.includes(value))
      throw notImplemented(`${found[1]} (${name})`);
  }
  const acl = headers["x-amz-acl"];
  if (acl !== undefined && acl !== "private" && acl !== "bucket-owner-full-control") {
    throw notImplemented(`the access "${acl}": objects belong to the bucket's owner alone`);
  }
  const storageClass = headers["x-amz-storage-class"];
  if (storageClass !== undefined && storageClass !== "STANDARD") {
    throw new S3Error(
      "InvalidStorageClass",
      "The storage class you specified is not valid: there is STANDARD only.",
    );
  }
}

/**
 * What is to be kept of an upload's headers.
 * @throws S3Error MetadataTooLarge.
 */
export function headersToKeep(headers: Record<string, string>): ObjectHeaders {
  const chosen: ObjectHeaders = { "content-type": "binary/octet-stream" };
  let metadata = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(metaPrefix)) metadata += name.length - metaPrefix.length + value.length;
    if (name.startsWith(metaPrefix) || kept.includes(name)) chosen[name] = value;
  }
  if (metadata > maximalMetadata) {
    throw new S3Error("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", {
      Size: String(metadata),
      MaxSizeAllowed: String(maximalMetadata),
    });
  }
  // `aws-chunked` is how the body travelled, not how the object is encoded.
  const encodings = (headers["content-encoding"] ?? "").split(",").map((encoding) => encoding.trim());
  const encoding = encodings.filter((name) => name !== "" && name !== "aws-chunked").join(",");
  if (encoding !== "") chosen["content-encoding"] = encoding;
  return chosen;
}

/** The headers of an answer that gives an object, or only says that it is there. */
export function objectHeaders(object: StoredObject, head: RequestHead): Record<string, string> {
  return {
    ...object.headers,
    ...overrides(head),
    ...lockHeaders(object.lock),
    ETag: quoted(object.etag),
    "Last-Modified": new Date(object.modified).toUTCString(),
    "Accept-Ranges": "bytes",
  };
}

/** A signed request may ask for other values of some headers, as `response-content-type=text/plain`. */
function overrides(head: RequestHead): Record<string, string> {
  const names = [...kept, "content-encoding"];
  return Object.fromEntries(
    head.query
      .filter(([name]) => name.startsWith("response-") && names.includes(name.slice("response-".length)))
      .map(([name, value]) => [name.slice("response-".length), value]),
  );
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

export function unquoted(etag: string): string {
  return etag.trim().replace(/^"(.*)"$/, "$1");
}
