import { checksumHeaders } from "../protocol/checksums.ts";
import { notImplemented, S3Error } from "../protocol/errors.ts";
import { queryNumber, queryValue } from "../protocol/request.ts";
import { elements, malformed, text } from "../protocol/xml.ts";
import { writeCondition } from "./conditions.ts";
import { type Answer, type Exchange, isoTime, owner, readXml, result, versionHeaders } from "./exchange.ts";
import { headersToKeep, quoted, unquoted } from "./headers.ts";
import { keyEncoder, pageOptions } from "./listing.ts";
import { askedLock } from "./lockHeaders.ts";

/** The most parts of an upload, and of one listing, as at S3. */
const maximalParts = 10_000;
const maximalPage = 1000;

export function startUpload(exchange: Exchange): Answer {
  const { head, store } = exchange;
  const id = store.uploads.start(head.bucket, head.key, headersToKeep(head.headers), askedLock(exchange));
  return result("InitiateMultipartUploadResult", { Bucket: head.bucket, Key: head.key, UploadId: id });
}

export async function uploadPart(exchange: Exchange): Promise<Answer> {
  const { id, number } = findUpload(exchange);
  const blob = await exchange.store.blobs.write(exchange.body());
  const part = await exchange.store.uploads.putPart(id, number, blob);
  return { status: 200, headers: { ETag: quoted(part.etag) } };
}

/**
 * The upload and the part's number that a request names.
 * @throws S3Error NoSuchUpload, InvalidArgument.
 */
export function findUpload({ head, store }: Exchange): { id: string; number: number } {
  const number = queryNumber(head, "partNumber", { least: 1, most: maximalParts });
  if (number === undefined) {
    throw new S3Error(
      "InvalidArgument",
      "This operation does not accept a query-string without partNumber.",
      {
        ArgumentName: "partNumber",
      },
    );
  }
  const { id } = store.uploads.find(head.bucket, head.key, queryValue(head, "uploadId")!);
  return { id, number };
}

export async function completeUpload(exchange: Exchange): Promise<Answer> {
  const { head, store } = exchange;
  if (checksumHeaders(head.headers).length > 0) throw notImplemented("checksums over all parts of an upload");
  const body = await readXml(exchange, "CompleteMultipartUpload");
  const named = elements(body?.Part).map((part) => {
    const number = text(part.PartNumber)?.trim() ?? "";
    const etag = text(part.ETag);
    if (!/^\d{1,5}$/.test(number) || etag === undefined) throw malformed();
    return { number: Number(number), etag: unquoted(etag) };
  });
  if (named.length === 0) throw malformed();
  const condition = writeCondition(head.key, head.headers);
  const id = queryValue(head, "uploadId")!;
  const stored = await store.uploads.complete(head.bucket, head.key, id, named, condition);
  const answer = result("CompleteMultipartUploadResult", {
    Location: `https://${head.headers.host}${head.path}`,
    Bucket: head.bucket,
    Key: head.key,
    ETag: quoted(stored.etag),
  });
  return { ...answer, headers: { ...answer.headers, ...versionHeaders(store, head.bucket, stored.version) } };
}

export async function abortUpload({ head, store }: Exchange): Promise<Answer> {
  await store.uploads.abort(head.bucket, head.key, queryValue(head, "uploadId")!);
  return { status: 204 };
}

export function listParts({ head, store, account }: Exchange): Answer {
  const { id } = store.uploads.find(head.bucket, head.key, queryValue(head, "uploadId")!);
  const after = queryNumber(head, "part-number-marker", { least: 0, most: 2 ** 31 - 1 }) ?? 0;
  const limit = Math.min(
    queryNumber(head, "max-parts", { least: 0, most: 2 ** 31 - 1 }) ?? maximalPage,
    maximalPage,
  );
  const { parts, next } = store.uploads.parts(id, after, limit);
  return result("ListPartsResult", {
    Bucket: head.bucket,
    Key: keyEncoder(head)(head.key),
    UploadId: id,
    Initiator: owner(account.name),
    Owner: owner(account.name),
    StorageClass: "STANDARD",
    PartNumberMarker: after,
    NextPartNumberMarker: next ?? undefined,
    MaxParts: limit,
    IsTruncated: next !== null,
    Part: parts.map(({ number, size, etag, modified }) => ({
      PartNumber: number,
      LastModified: isoTime(modified),
      ETag: quoted(etag),
      Size: size,
    })),
  });
}

export function listUploads({ head, store, account }: Exchange): Answer {
  const { options, encode } = pageOptions(head, "max-uploads");
  if (options.delimiter !== "") throw notImplemented("a delimiter in the listing of multipart uploads");
  const keyMarker = queryValue(head, "key-marker") ?? "";
  const idMarker = keyMarker === "" ? "" : (queryValue(head, "upload-id-marker") ?? "");
  const { uploads, next } = store.uploads.list(head.bucket, {
    prefix: options.prefix,
    limit: options.limit,
    afterKey: keyMarker,
    afterId: idMarker,
  });
  return result("ListMultipartUploadsResult", {
    Bucket: head.bucket,
    Prefix: encode(options.prefix),
    KeyMarker: encode(keyMarker),
    UploadIdMarker: idMarker,
    NextKeyMarker: next === null ? undefined : encode(next.key),
    NextUploadIdMarker: next?.id,
    MaxUploads: options.limit,
    EncodingType: queryValue(head, "encoding-type"),
    IsTruncated: next !== null,
    Upload: uploads.map(({ id, key, started }) => ({
      Key: encode(key),
      UploadId: id,
      Initiator: owner(account.name),
      Owner: owner(account.name),
      StorageClass: "STANDARD",
      Initiated: isoTime(started),
    })),
  });
}
