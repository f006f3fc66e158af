import { queryValue } from "../protocol/request.ts";
import { elements, malformed, text } from "../protocol/xml.ts";
import type { Deleted } from "../store/objects.ts";
import { isNotModified, writeCondition } from "./conditions.ts";
import { type Answer, type Exchange, readXml, result, versionHeaders } from "./exchange.ts";
import { headersToKeep, objectHeaders, quoted } from "./headers.ts";
import { askedLock, bypassesLocks } from "./lockHeaders.ts";
import { parseRange } from "./range.ts";

/** The most keys of one request, as at S3. */
const maximalDeletes = 1000;

export async function putObject(exchange: Exchange): Promise<Answer> {
  const { head, store } = exchange;
  const headers = headersToKeep(head.headers);
  const lock = askedLock(exchange);
  const condition = writeCondition(head.key, head.headers);
  condition(store.objects.find(head.bucket, head.key));
  const { md5, ...piece } = await store.blobs.write(exchange.body());
  const object = { pieces: [piece], etag: md5, headers, lock };
  const { version } = await store.objects.put(head.bucket, head.key, object, condition);
  return { status: 200, headers: { ETag: quoted(md5), ...versionHeaders(store, head.bucket, version) } };
}

/** Also for HEAD: the body is then left out by whoever sends the answer. */
export async function getObject({ head, store }: Exchange): Promise<Answer> {
  const version = queryValue(head, "versionId") ?? "";
  const { object, content: lease } = store.objects.open(head.bucket, head.key, version);
  try {
    const headers = {
      ...objectHeaders(object, head),
      ...versionHeaders(store, head.bucket, object.version),
    };
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
  const version = queryValue(head, "versionId") ?? "";
  const match = head.headers["if-match"];
  if (match !== undefined)
    writeCondition(head.key, { "if-match": match })(store.objects.find(head.bucket, head.key));
  const [deleted] = await store.objects.remove(
    head.bucket,
    [{ key: head.key, version }],
    bypassesLocks(head.headers),
  );
  const { marker, refused } = deleted!;
  if (refused !== undefined) throw refused;
  const named = version === "" ? marker : version;
  return {
    status: 204,
    headers: {
      ...(marker === null ? {} : { "x-amz-delete-marker": "true" }),
      ...(named === null ? {} : versionHeaders(store, head.bucket, named)),
    },
  };
}

export async function deleteObjects(exchange: Exchange): Promise<Answer> {
  const { head, store } = exchange;
  const body = await readXml(exchange, "Delete");
  if (body === undefined) throw malformed();
  const named = elements(body.Object).map((object) => {
    const key = text(object.Key);
    if (key === undefined || key === "") throw malformed();
    return { key, version: text(object.VersionId) ?? "" };
  });
  if (named.length === 0 || named.length > maximalDeletes) throw malformed();
  const all = await store.objects.remove(head.bucket, named, bypassesLocks(head.headers));
  const done = all.filter(({ refused }) => refused === undefined);
  return result("DeleteResult", {
    Deleted: text(body.Quiet)?.trim() === "true" ? [] : done.map(deletedEntry),
    Error: all.flatMap(({ key, version, refused }) =>
      refused === undefined
        ? []
        : [{ Key: key, VersionId: version || undefined, Code: refused.code, Message: refused.message }],
    ),
  });
}

function deletedEntry({ key, version, marker }: Deleted) {
  return {
    Key: key,
    VersionId: version || undefined,
    DeleteMarker: marker === null ? undefined : true,
    DeleteMarkerVersionId: marker ?? undefined,
  };
}
