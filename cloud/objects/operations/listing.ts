import { S3Error } from "../protocol/errors.ts";
import { encodeUri, queryNumber, queryValue, type RequestHead } from "../protocol/request.ts";
import type { XmlValue } from "../protocol/xml.ts";
import type { StoredObject } from "../store/objects.ts";
import { type Answer, type Exchange, isoTime, owner, result } from "./exchange.ts";
import { quoted } from "./headers.ts";

/** The most entries of one answer, as at S3, whatever the client asks for. */
const maximalPage = 1000;

/** GET of a bucket: version 2 of the listing where `list-type=2` asks for it, else version 1. */
export function listObjects(exchange: Exchange): Answer {
  return queryValue(exchange.head, "list-type") === "2" ? listVersion2(exchange) : listVersion1(exchange);
}

function listVersion1({ head, store, account }: Exchange): Answer {
  const page = pageOptions(head);
  const marker = queryValue(head, "marker") ?? "";
  const { objects, commonPrefixes, next } = store.objects.list(head.bucket, {
    ...page.options,
    after: marker,
  });
  return result("ListBucketResult", {
    ...page.echo,
    Marker: page.encode(marker),
    NextMarker: next === null ? undefined : page.encode(next),
    IsTruncated: next !== null,
    Contents: objects.map((object) => ({ ...entry(object, page.encode), Owner: owner(account.name) })),
    CommonPrefixes: commonPrefixes.map((prefix) => ({ Prefix: page.encode(prefix) })),
  });
}

function listVersion2({ head, store, account }: Exchange): Answer {
  const page = pageOptions(head);
  const token = queryValue(head, "continuation-token");
  const startAfter = queryValue(head, "start-after");
  const after = token === undefined ? (startAfter ?? "") : readToken(token);
  const { objects, commonPrefixes, next } = store.objects.list(head.bucket, { ...page.options, after });
  const owned = queryValue(head, "fetch-owner") === "true" ? { Owner: owner(account.name) } : {};
  return result("ListBucketResult", {
    ...page.echo,
    StartAfter: startAfter === undefined ? undefined : page.encode(startAfter),
    ContinuationToken: token,
    NextContinuationToken: next === null ? undefined : writeToken(next),
    KeyCount: objects.length + commonPrefixes.length,
    IsTruncated: next !== null,
    Contents: objects.map((object) => ({ ...entry(object, page.encode), ...owned })),
    CommonPrefixes: commonPrefixes.map((prefix) => ({ Prefix: page.encode(prefix) })),
  });
}

/** Versions and delete markers of all keys; an object of a bucket without versions is its only one, "null". */
export function listVersions({ head, store, account }: Exchange): Answer {
  const page = pageOptions(head);
  const after = queryValue(head, "key-marker") ?? "";
  const afterVersion = queryValue(head, "version-id-marker") ?? "";
  if (after === "" && afterVersion !== "") {
    throw new S3Error("InvalidArgument", "A version-id marker cannot be specified without a key marker.", {
      ArgumentName: "version-id-marker",
      ArgumentValue: afterVersion,
    });
  }
  const options = { ...page.options, after, afterVersion };
  const { versions, commonPrefixes, next } = store.objects.listVersions(head.bucket, options);
  const named = ({ latest, version }: StoredObject) => ({
    VersionId: version,
    IsLatest: latest,
    Owner: owner(account.name),
  });
  return result("ListVersionsResult", {
    ...page.echo,
    KeyMarker: page.encode(after),
    VersionIdMarker: afterVersion,
    NextKeyMarker: next === null ? undefined : page.encode(next.key),
    NextVersionIdMarker: next?.version || undefined,
    IsTruncated: next !== null,
    Version: versions
      .filter(({ marker }) => !marker)
      .map((object) => ({ ...entry(object, page.encode), ...named(object) })),
    DeleteMarker: versions
      .filter(({ marker }) => marker)
      .map((object) => ({
        Key: page.encode(object.key),
        LastModified: isoTime(object.modified),
        ...named(object),
      })),
    CommonPrefixes: commonPrefixes.map((prefix) => ({ Prefix: page.encode(prefix) })),
  });
}

/** The parameters that all listings share, and what of them is repeated in the answer. */
export function pageOptions(head: RequestHead, limitName = "max-keys") {
  const prefix = queryValue(head, "prefix") ?? "";
  const delimiter = queryValue(head, "delimiter") ?? "";
  const asked = queryNumber(head, limitName, { least: 0, most: 2 ** 31 - 1 }) ?? maximalPage;
  const limit = Math.min(asked, maximalPage);
  const encode = keyEncoder(head);
  return {
    options: { prefix, delimiter, limit },
    encode,
    echo: {
      Name: head.bucket,
      Prefix: encode(prefix),
      Delimiter: delimiter === "" ? undefined : encode(delimiter),
      MaxKeys: limit,
      EncodingType: queryValue(head, "encoding-type"),
    },
  };
}

/** @throws S3Error InvalidArgument for an encoding other than `url`. */
export function keyEncoder(head: RequestHead): (key: string) => string {
  const encoding = queryValue(head, "encoding-type");
  if (encoding === undefined || encoding === "") return (key) => key;
  if (encoding === "url") return (key) => key.split("/").map(encodeUri).join("/");
  throw new S3Error("InvalidArgument", "Invalid Encoding Method specified in Request", {
    ArgumentName: "encoding-type",
    ArgumentValue: encoding,
  });
}

function entry(object: StoredObject, encode: (key: string) => string): Record<string, XmlValue> {
  return {
    Key: encode(object.key),
    LastModified: isoTime(object.modified),
    ETag: quoted(object.etag),
    Size: object.size,
    StorageClass: "STANDARD",
  };
}

function writeToken(key: string): string {
  return Buffer.from(key).toString("base64url");
}

function readToken(token: string): string {
  const key = Buffer.from(token, "base64url").toString("utf8");
  if (token !== "" && writeToken(key) === token) return key;
  throw new S3Error("InvalidArgument", "The continuation token provided is incorrect", {
    ArgumentName: "continuation-token",
    ArgumentValue: token,
  });
}
