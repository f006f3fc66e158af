import { S3Error } from "../protocol/errors.ts";
import { queryValue } from "../protocol/request.ts";
import { elements, malformed, text } from "../protocol/xml.ts";
import type { BucketLock, Retention, VersionLock } from "../store/lock.ts";
import { type Answer, type Exchange, isoTime, readXml, result } from "./exchange.ts";
import { bypassesLocks, futureTime, legalHold, lockMode, requireLockBucket } from "./lockHeaders.ts";

export function getBucketLock({ head, store }: Exchange): Answer {
  const lock = store.buckets.find(head.bucket)!.lock;
  if (lock === null) {
    throw new S3Error(
      "ObjectLockConfigurationNotFoundError",
      "Object Lock configuration does not exist for this bucket",
      { BucketName: head.bucket },
    );
  }
  const { mode, days, years } = lock;
  return result("ObjectLockConfiguration", {
    ObjectLockEnabled: "Enabled",
    Rule: mode === undefined ? undefined : { DefaultRetention: { Mode: mode, Days: days, Years: years } },
  });
}

/** Sets what new versions get; the bucket must have been made for it. */
export async function putBucketLock(exchange: Exchange): Promise<Answer> {
  const { head, store } = exchange;
  const body = await readXml(exchange, "ObjectLockConfiguration");
  if (text(body?.ObjectLockEnabled)?.trim() !== "Enabled") throw malformed();
  if (store.buckets.find(head.bucket)!.lock === null) {
    throw new S3Error(
      "InvalidBucketState",
      "Object Lock configuration cannot be enabled on existing buckets: make the bucket with it.",
    );
  }
  store.buckets.setLock(head.bucket, bucketLock(body!));
  return { status: 200 };
}

export function getRetention({ head, store }: Exchange): Answer {
  requireLockBucket(head.bucket, store);
  const { retention } = store.objects.lockOf(head.bucket, head.key, versionOf({ head }));
  if (retention === null) throw notLocked();
  return result("Retention", { Mode: retention.mode, RetainUntilDate: isoTime(retention.until) });
}

export async function putRetention(exchange: Exchange): Promise<Answer> {
  const body = await readXml(exchange, "Retention");
  if (body === undefined) throw malformed();
  const mode = text(body.Mode)?.trim();
  const until = text(body.RetainUntilDate)?.trim();
  if ((mode === undefined) !== (until === undefined)) throw malformed();
  const retention: Retention | null =
    mode === undefined ? null : { mode: lockMode(mode), until: futureTime(until!) };
  return setLock(exchange, { retention });
}

export function getLegalHold({ head, store }: Exchange): Answer {
  requireLockBucket(head.bucket, store);
  const lock = store.objects.lockOf(head.bucket, head.key, versionOf({ head }));
  return result("LegalHold", { Status: lock.legalHold ? "ON" : "OFF" });
}

export async function putLegalHold(exchange: Exchange): Promise<Answer> {
  const body = await readXml(exchange, "LegalHold");
  return setLock(exchange, { legalHold: legalHold(text(body?.Status)?.trim() ?? "") });
}

function setLock({ head, store }: Exchange, change: Partial<VersionLock>): Answer {
  requireLockBucket(head.bucket, store);
  store.objects.setLock(head.bucket, head.key, versionOf({ head }), change, bypassesLocks(head.headers));
  return { status: 200 };
}

function versionOf({ head }: Pick<Exchange, "head">): string {
  return queryValue(head, "versionId") ?? "";
}

function bucketLock(body: Record<string, unknown>): BucketLock {
  const [rule] = elements(body.Rule);
  if (rule === undefined) return {};
  const [given] = elements(rule.DefaultRetention);
  const mode = text(given?.Mode)?.trim();
  const days = wholeNumber(given?.Days);
  const years = wholeNumber(given?.Years);
  if (mode === undefined || (days === undefined) === (years === undefined)) throw malformed();
  return {
    mode: lockMode(mode),
    ...(days === undefined ? {} : { days }),
    ...(years === undefined ? {} : { years }),
  };
}

function wholeNumber(value: unknown): number | undefined {
  const given = text(value)?.trim();
  if (given === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(given)) throw malformed();
  return Number(given);
}

function notLocked(): S3Error {
  return new S3Error(
    "NoSuchObjectLockConfiguration",
    "The specified object does not have a ObjectLock configuration",
  );
}
