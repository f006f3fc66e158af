import { isIP } from "node:net";
import { notImplemented, S3Error } from "../protocol/errors.ts";
import { malformed, text } from "../protocol/xml.ts";
import { type Answer, type Exchange, isoTime, owner, readXml, result } from "./exchange.ts";

export function listBuckets({ store, account }: Exchange): Answer {
  const buckets = store.buckets.list(account.name);
  return result("ListAllMyBucketsResult", {
    Owner: owner(account.name),
    Buckets: { Bucket: buckets.map(({ name, created }) => ({ Name: name, CreationDate: isoTime(created) })) },
  });
}

/** The body may name a region; there is one only, and any name means it. */
export async function createBucket(exchange: Exchange): Promise<Answer> {
  const { head, store, account } = exchange;
  requireBucketName(head.bucket);
  await readXml(exchange, "CreateBucketConfiguration");
  const locked = head.headers["x-amz-bucket-object-lock-enabled"]?.toLowerCase() === "true";
  store.buckets.create(head.bucket, account.name, locked);
  return { status: 200, headers: { Location: `/${head.bucket}` } };
}

export function headBucket({ region }: Exchange): Answer {
  return { status: 200, headers: { "x-amz-bucket-region": region } };
}

export async function deleteBucket({ head, store }: Exchange): Promise<Answer> {
  await store.buckets.remove(head.bucket);
  return { status: 204 };
}

export function getLocation({ region }: Exchange): Answer {
  return result("LocationConstraint", { "#text": region });
}

/** The empty answer is how S3 says that versions were never switched on. */
export function getVersioning({ head, store }: Exchange): Answer {
  const versioning = store.buckets.find(head.bucket)!.versioning;
  return result("VersioningConfiguration", { Status: versioning || undefined });
}

export async function putVersioning(exchange: Exchange): Promise<Answer> {
  const body = await readXml(exchange, "VersioningConfiguration");
  const mfa = text(body?.MfaDelete)?.trim();
  if (mfa !== undefined && mfa !== "Disabled") throw notImplemented("deletion with a second factor");
  const status = text(body?.Status)?.trim();
  if (status !== "Enabled" && status !== "Suspended") throw malformed();
  exchange.store.buckets.setVersioning(exchange.head.bucket, status);
  return { status: 200 };
}

export function getAcl({ account }: Exchange): Answer {
  const grantee = { ...owner(account.name), Type: "CanonicalUser" };
  return result("AccessControlPolicy", {
    Owner: owner(account.name),
    AccessControlList: { Grant: [{ Grantee: grantee, Permission: "FULL_CONTROL" }] },
  });
}

function requireBucketName(name: string): void {
  const fine =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !/\.\.|\.-|-\./.test(name) && isIP(name) === 0;
  if (fine) return;
  throw new S3Error(
    "InvalidBucketName",
    "The specified bucket is not valid: 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at " +
      "either end, no IP address.",
    { BucketName: name },
  );
}
