import { S3Error } from "../protocol/errors.ts";

/** Governance can be lifted by those who say so expressly, compliance by nobody before its time. */
export type LockMode = "GOVERNANCE" | "COMPLIANCE";

/** Until when (milliseconds since 1970) a version stays. */
export interface Retention {
  mode: LockMode;
  until: number;
}

/** What keeps a version from being deleted. */
export interface VersionLock {
  retention: Retention | null;
  /** Keeps it without an end, until somebody takes it off. */
  legalHold: boolean;
}

/** What every new version of a bucket gets, where its upload does not say otherwise; empty: nothing. */
export interface BucketLock {
  mode?: LockMode;
  days?: number;
  years?: number;
}

export const unlocked: VersionLock = { retention: null, legalHold: false };

const day = 24 * 3600_000;

/** The lock of a version that is made now: what its upload asks for, else the bucket's default. */
export function lockOfNew(bucket: BucketLock | null, asked: Partial<VersionLock>, now: number): VersionLock {
  const { legalHold = false, retention = null } = asked;
  if (retention !== null || bucket?.mode === undefined) return { retention, legalHold };
  // S3 counts 365 days a year here.
  const days = bucket.days ?? (bucket.years ?? 0) * 365;
  return { retention: { mode: bucket.mode, until: now + days * day }, legalHold };
}

/** Whether a version may not be deleted now. */
export function isLocked({ retention, legalHold }: VersionLock, now: number, bypass: boolean): boolean {
  if (legalHold) return true;
  if (retention === null || retention.until <= now) return false;
  return retention.mode === "COMPLIANCE" || !bypass;
}

/**
 * A retention can be made longer by everybody; shorter, weaker or none at all only by who may lift it.
 * @throws S3Error AccessDenied.
 */
export function requireChangeable(
  before: Retention | null,
  after: Retention | null,
  now: number,
  bypass: boolean,
): void {
  if (before === null || before.until <= now) return;
  const stronger =
    after !== null &&
    after.until >= before.until &&
    !(before.mode === "COMPLIANCE" && after.mode === "GOVERNANCE");
  if (stronger || (before.mode === "GOVERNANCE" && bypass)) return;
  throw locked();
}

export function locked(): S3Error {
  return new S3Error("AccessDenied", "Access Denied because object protected by object lock.");
}
