import { noSuchKey, S3Error } from "../protocol/errors.ts";
import { queryValue } from "../protocol/request.ts";
import { elements, malformed, text } from "../protocol/xml.ts";
import { isNotModified, writeCondition } from "./conditions.ts";
import { type Answer, type Exchange, readXml, result } from "./exchange.ts";
import { headersToKeep, objectHeaders, quoted } from "./headers.ts";
import { parseRange } from "./range.ts";

/** The most keys of one request, as at S3. */
const maximalDeletes = 1000;

export async function putObject(exchange: Exchange): Promise<Answer> {
  const { head, store } = exchange;
  const headers = headersToKeep(head.headers);
  const condition = writeCondition(head.key, head.headers);
  condition(store.objects.find(head.bucket, head.key));
  const { md5, ...piece } = await store.blobs.write(exchange.body());
  await store.objects.put(head.bucket, head.key, { pieces: [piece], etag: md5, headers }, condition);
  return { status: 200, headers: { ETag: quoted(md5) } };
}

/** Also for HEAD: the body is then left out by whoever sends the answer. */
export async function getObject({ head, store }: Exchange): Promise<Answer> {
  requireNullVersion(queryValue(head, "versionId"));
  const found = store.objects.open(head.bucket, head.key);
  if (found === undefined) throw noSuchKey(head.key);
  const { object, content: lease } = found;
  try {
    const headers = objectHeaders(object, head);
    if (isNotModified(object, head.headers)) {
      await lease.release();
      return { status: 304, headers };
    }
    const range = parseRange(head.headers.range, object.size);
    const { start, end } = range ?? { start: 0, end: object.size };
    headers["Content-Length"] = String(end - start);
    if (range !== null) headers["Content-Range"] = `bytes ${start}-${end - 1}/${object.size}`;
    return { status: range === null ? 200 : 206, headers, body: { lease, start, end } };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** Deleting what is not there succeeds. */
export async function deleteObject({ head, store }: Exchange): Promise<Answer> {
  requireNullVersion(queryValue(head, "versionId"));
  const match = head.headers["if-match"];
  if (match !== undefined)
    writeCondition(head.key, { "if-match": match })(store.objects.find(head.bucket, head.key));
  await store.objects.remove(head.bucket, [head.key]);
  return { status: 204 };
}

export async function deleteObjects(exchange: Exchange): Promise<Answer> {
  const { head, store } = exchange;
  const body = await readXml(exchange, "Delete");
  if (body === undefined) throw malformed();
  const named = elements(body.Object).map((object) => {
    const key = text(object.Key);
    if (key === undefined || key === "") throw malformed();
    return { key, version: text(object.VersionId) };
  });
  if (named.length === 0 || named.length > maximalDeletes) throw malformed();
  const fine = named.filter(({ version }) => isNullVersion(version)).map(({ key }) => key);
  const wrong = named.filter(({ version }) => !isNullVersion(version));
  await store.objects.remove(head.bucket, fine);
  return result("DeleteResult", {
    Deleted: text(body.Quiet)?.trim() === "true" ? [] : fine.map((key) => ({ Key: key })),
    Error: wrong.map(({ key, version }) => {
      const { code, message } = noSuchVersion(version!);
      return { Key: key, VersionId: version, Code: code, Message: message };
    }),
  });
}

/**
 * The only version of an object is called "null".
 * @throws S3Error NoSuchVersion.
 */
export function requireNullVersion(version: string | undefined): void {
  if (!isNullVersion(version)) throw noSuchVersion(version!);
}

function isNullVersion(version: string | undefined): boolean {
  return version === undefined || version === "" || version === "null";
}

function noSuchVersion(version: string): S3Error {
  return new S3Error(
    "NoSuchVersion",
    "The specified version does not exist: this storage keeps no versions.",
    {
      VersionId: version,
    },
  );
}
