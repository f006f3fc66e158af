import { S3Error } from "../protocol/errors.ts";
import type { LockMode, VersionLock } from "../store/lock.ts";
import type { Exchange } from "./exchange.ts";

const modes: readonly string[] = ["GOVERNANCE", "COMPLIANCE"];

/**
 * The lock that an upload asks for by its headers.
 * @throws S3Error InvalidRequest where the bucket was not made for it, InvalidArgument.
 */
export function askedLock({ head, store }: Pick<Exchange, "head" | "store">): Partial<VersionLock> {
  const mode = head.headers["x-amz-object-lock-mode"];
  const until = head.headers["x-amz-object-lock-retain-until-date"];
  const hold = head.headers["x-amz-object-lock-legal-hold"];
  if (mode === undefined && until === undefined && hold === undefined) return {};
  requireLockBucket(head.bucket, store);
  if ((mode === undefined) !== (until === undefined)) {
    throw new S3Error(
      "InvalidArgument",
      "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
    );
  }
  return {
    ...(mode === undefined ? {} : { retention: { mode: lockMode(mode), until: futureTime(until!) } }),
    ...(hold === undefined ? {} : { legalHold: legalHold(hold) }),
  };
}

/** @throws S3Error InvalidRequest where versions of the bucket cannot be locked. */
export function requireLockBucket(bucket: string, store: Exchange["store"]): void {
  if (store.buckets.find(bucket)?.lock != null) return;
  throw new S3Error("InvalidRequest", "Bucket is missing Object Lock Configuration");
}

/** Whether a request lifts retentions in governance mode: the bucket's owner may. */
export function bypassesLocks(headers: Record<string, string>): boolean {
  return headers["x-amz-bypass-governance-retention"]?.toLowerCase() === "true";
}

/** What an answer says of a version's lock. */
export function lockHeaders({ retention, legalHold: held }: VersionLock): Record<string, string> {
  return {
    ...(retention === null
      ? {}
      : {
          "x-amz-object-lock-mode": retention.mode,
          "x-amz-object-lock-retain-until-date": new Date(retention.until).toISOString(),
        }),
    ...(held ? { "x-amz-object-lock-legal-hold": "ON" } : {}),
  };
}

/** @throws S3Error InvalidArgument. */
export function lockMode(text: string): LockMode {
  if (modes.includes(text)) return text as LockMode;
  throw new S3Error("InvalidArgument", "Unknown wormMode directive.", { ArgumentValue: text });
}

/** @throws S3Error InvalidArgument. */
export function legalHold(text: string): boolean {
  if (text === "ON" || text === "OFF") return text === "ON";
  throw new S3Error("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'", { ArgumentValue: text });
}

/** Milliseconds since 1970. @throws S3Error InvalidArgument. */
export function futureTime(text: string): number {
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new S3Error("InvalidArgument", "The retain until date must be provided in ISO 8601 format", {
    ArgumentValue: text,
  });
}
