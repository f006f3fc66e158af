import {
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { codeOf } from "./explain.ts";

/** What a bucket does with what is deleted, overwritten or old. */
export interface Policy {
  /** Whether deleted and overwritten objects stay as older versions. */
  versioning: boolean;
  /** By id. */
  lifecycle: LifecycleRules;
}

export type LifecycleRules = Rule[];

/** All times are in days. */
export interface Rule {
  id: string;
  /** Of the keys that it is about; left out: all. */
  prefix?: string;
  /** Objects are deleted so long after they were made. */
  expirationDays?: number;
  /** Older versions go so long after a newer one, or a delete, came. */
  noncurrentDays?: number;
  /** Multipart uploads that nobody completed go so long after their begin. */
  abortDays?: number;
  /** Delete markers go when no version is behind them. */
  removeMarkers?: boolean;
  /** As JSON: what a rule that somebody else wrote has besides. */
  other?: string;
}

export async function readPolicy(client: S3Client, bucket: string): Promise<Policy> {
  const [{ Status }, lifecycle] = await Promise.all([
    client.send(new GetBucketVersioningCommand({ Bucket: bucket })),
    readLifecycle(client, bucket),
  ]);
  return { versioning: Status === "Enabled", lifecycle };
}

/** Brings about what is given and differs. @returns whether something was changed. */
export async function writePolicy(
  client: S3Client,
  bucket: string,
  wanted: Partial<Policy>,
): Promise<boolean> {
  const { versioning, lifecycle } = wanted;
  if (versioning === undefined && lifecycle === undefined) return false;
  const found = await readPolicy(client, bucket);
  let changed = false;
  if (versioning !== undefined && versioning !== found.versioning) {
    const Status = versioning ? "Enabled" : "Suspended";
    await client.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status } }),
    );
    changed = true;
  }
  if (lifecycle !== undefined && !sameRules(lifecycle, found.lifecycle)) {
    await writeLifecycle(client, bucket, lifecycle);
    changed = true;
  }
  return changed;
}

/** In the form in which two lists of rules are compared. */
export function sortedRules(rules: LifecycleRules): LifecycleRules {
  return rules
    .map((rule) => Object.fromEntries(Object.entries(rule).sort()) as unknown as Rule)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function sameRules(a: LifecycleRules, b: LifecycleRules): boolean {
  return JSON.stringify(sortedRules(a)) === JSON.stringify(sortedRules(b));
}

async function readLifecycle(client: S3Client, bucket: string): Promise<LifecycleRules> {
  try {
    const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
    return sortedRules(Rules.map(fromS3));
  } catch (error) {
    if (codeOf(error) === "NoSuchLifecycleConfiguration") return [];
    throw error;
  }
}

async function writeLifecycle(client: S3Client, bucket: string, rules: LifecycleRules): Promise<void> {
  await client.send(
    rules.length === 0
      ? new DeleteBucketLifecycleCommand({ Bucket: bucket })
      : new PutBucketLifecycleConfigurationCommand({
          Bucket: bucket,
          LifecycleConfiguration: { Rules: rules.map(toS3) },
        }),
  );
}

function toS3(rule: Rule): LifecycleRule {
  const { abortDays, expirationDays, id, noncurrentDays, prefix = "", removeMarkers } = rule;
  const expires = expirationDays !== undefined || removeMarkers !== undefined;
  return {
    ID: id,
    Status: "Enabled",
    Filter: { Prefix: prefix },
    ...(expires ? { Expiration: { Days: expirationDays, ExpiredObjectDeleteMarker: removeMarkers } } : {}),
    ...(noncurrentDays === undefined
      ? {}
      : { NoncurrentVersionExpiration: { NoncurrentDays: noncurrentDays } }),
    ...(abortDays === undefined
      ? {}
      : { AbortIncompleteMultipartUpload: { DaysAfterInitiation: abortDays } }),
  };
}

function fromS3(found: LifecycleRule): Rule {
  const { AbortIncompleteMultipartUpload, Expiration, Filter, ID = "", NoncurrentVersionExpiration } = found;
  const prefix = Filter?.Prefix ?? found.Prefix;
  const rule = {
    id: ID,
    prefix: prefix || undefined,
    expirationDays: Expiration?.Days,
    noncurrentDays: NoncurrentVersionExpiration?.NoncurrentDays,
    abortDays: AbortIncompleteMultipartUpload?.DaysAfterInitiation,
    removeMarkers: Expiration?.ExpiredObjectDeleteMarker || undefined,
  };
  const known = Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== undefined)) as {
    id: string;
  };
  const other = foreign(found);
  return Object.keys(other).length === 0 ? known : { ...known, other: JSON.stringify(other) };
}

/** What of a rule has no place in `Rule`: it would be lost, so it has to show. */
function foreign({ Expiration, Filter, NoncurrentVersionExpiration, ...rule }: LifecycleRule): object {
  const parts = {
    Status: rule.Status === "Enabled" ? undefined : rule.Status,
    Date: Expiration?.Date,
    And: Filter?.And,
    Tag: Filter?.Tag,
    ObjectSizeGreaterThan: Filter?.ObjectSizeGreaterThan,
    ObjectSizeLessThan: Filter?.ObjectSizeLessThan,
    NewerNoncurrentVersions: NoncurrentVersionExpiration?.NewerNoncurrentVersions,
    Transitions: rule.Transitions,
    NoncurrentVersionTransitions: rule.NoncurrentVersionTransitions,
  };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}
