import * as buckets from "./operations/buckets.ts";
import * as copy from "./operations/copy.ts";
import type { Operation } from "./operations/exchange.ts";
import * as lifecycle from "./operations/lifecycle.ts";
import * as listing from "./operations/listing.ts";
import * as lock from "./operations/lock.ts";
import * as multipart from "./operations/multipart.ts";
import * as objects from "./operations/objects.ts";
import { notImplemented, S3Error } from "./protocol/errors.ts";
import type { RequestHead } from "./protocol/request.ts";

/** By method, what it is about and, after `?`, the parameter that makes it a request about a part of that. */
const operations: Record<string, Operation> = {
  "GET service": buckets.listBuckets,
  "PUT bucket": buckets.createBucket,
  "HEAD bucket": buckets.headBucket,
  "DELETE bucket": buckets.deleteBucket,
  "GET bucket": listing.listObjects,
  "GET bucket?acl": buckets.getAcl,
  "GET bucket?location": buckets.getLocation,
  "GET bucket?uploads": multipart.listUploads,
  "GET bucket?versioning": buckets.getVersioning,
  "PUT bucket?versioning": buckets.putVersioning,
  "GET bucket?lifecycle": lifecycle.getLifecycle,
  "PUT bucket?lifecycle": lifecycle.putLifecycle,
  "DELETE bucket?lifecycle": lifecycle.deleteLifecycle,
  "GET bucket?object-lock": lock.getBucketLock,
  "PUT bucket?object-lock": lock.putBucketLock,
  "GET bucket?versions": listing.listVersions,
  "POST bucket?delete": objects.deleteObjects,
  "PUT object": objects.putObject,
  "COPY object": copy.copyObject,
  "GET object": objects.getObject,
  "HEAD object": objects.getObject,
  "DELETE object": objects.deleteObject,
  "GET object?acl": buckets.getAcl,
  "GET object?retention": lock.getRetention,
  "PUT object?retention": lock.putRetention,
  "GET object?legal-hold": lock.getLegalHold,
  "PUT object?legal-hold": lock.putLegalHold,
  "POST object?uploads": multipart.startUpload,
  "PUT object?uploadId": multipart.uploadPart,
  "COPY object?uploadId": copy.copyPart,
  "GET object?uploadId": multipart.listParts,
  "POST object?uploadId": multipart.completeUpload,
  "DELETE object?uploadId": multipart.abortUpload,
};

/** Query parameters that name a part of a bucket or object, as in the S3 API reference. */
const parts = new Set([
  ..."accelerate acl analytics append attributes cors delete encryption intelligent-tiering inventory".split(
    " ",
  ),
  ..."legal-hold lifecycle location logging metadataConfiguration metadataTable metrics notification".split(
    " ",
  ),
  ..."object-lock ownershipControls partNumber policy policyStatus publicAccessBlock renameObject replication".split(
    " ",
  ),
  ..."requestPayment restore retention select session tagging torrent uploadId uploads versioning versions".split(
    " ",
  ),
  "website",
]);

/** Other words for what is not offered. */
const names: Record<string, string> = {
  partNumber: "single parts of an object",
  publicAccessBlock: "settings of public access: nothing here is public",
};

/**
 * Who answers a request.
 * @throws S3Error NotImplemented for what S3 has and this storage has not, MethodNotAllowed for what nobody has.
 */
export function route(head: RequestHead): Operation {
  const scope = head.bucket === "" ? "service" : head.key === "" ? "bucket" : "object";
  const copies =
    head.method === "PUT" && scope === "object" && head.headers["x-amz-copy-source"] !== undefined;
  const method = copies ? "COPY" : head.method;
  const about = head.query.map(([name]) => name).filter((name) => parts.has(name));
  // A part is named by two parameters.
  const part = about.includes("uploadId") ? "uploadId" : about[0];
  const operation = operations[`${method} ${scope}${part === undefined ? "" : `?${part}`}`];
  if (operation !== undefined) return operation;
  if (part !== undefined && head.bucket !== "")
    throw notImplemented(`${names[part] ?? part} (${head.method} ?${part})`);
  if (scope === "bucket" && head.method === "POST") throw notImplemented("uploads by HTML forms");
  throw new S3Error("MethodNotAllowed", "The specified method is not allowed against this resource.", {
    Method: head.method,
  });
}

/** Whether a request is about a bucket that is there already. */
export function needsBucket(operation: Operation): boolean {
  return operation !== buckets.listBuckets && operation !== buckets.createBucket;
}
