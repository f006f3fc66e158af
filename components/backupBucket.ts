import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { REPOSITORY_SECRETS } from "../roles/secrets.ts";
import { Bucket, type LifecycleRule } from "./native/bucket.ts";
import type { BucketSpec } from "./spec.ts";

/** Who may use the object storage. */
export interface StorageKeys {
  accessKey: Input<string>;
  secretKey: Input<string>;
}

export interface BackupBucketArgs extends BucketSpec {
  keys: StorageKeys;
  /** Of the stack's repositories: machines know its keys by other names. */
  repository: 1 | 2;
  /**
   * Whether the stack may leave it for another one, as everything is in a second repository too. It stays as it is at
   * its provider then, where it is kept on destroy.
   */
  mayLeave: boolean;
  deletionProtection: boolean;
}

/** The bucket that holds backups and the write-ahead log. */
export class BackupBucket extends ComponentResource {
  readonly bucket: Output<string>;
  /** What machines need to use it. */
  readonly machineSecrets: Record<string, Input<string>>;

  constructor(name: string, args: BackupBucketArgs, options?: ComponentResourceOptions) {
    super("phasewise:storage:BackupBucket", name, {}, options);
    const { bucket, caCertificate, deletionProtection, endpoint, keepOnDestroy, keys, region, repository } =
      args;
    const names = REPOSITORY_SECRETS[repository];
    const own = caCertificate === null ? {} : { caCertificate };
    const resource = new Bucket(
      name,
      {
        bucket,
        endpoint,
        region,
        ...keys,
        ...own,
        ...policy(args),
        forceDestroy: !deletionProtection && !keepOnDestroy,
        keepOnDelete: keepOnDestroy,
      },
      { parent: this, protect: deletionProtection && !(args.mayLeave && keepOnDestroy) },
    );
    this.bucket = resource.bucket;
    this.machineSecrets = {
      [names.accessKey]: keys.accessKey,
      [names.secretKey]: keys.secretKey,
      ...(caCertificate === null ? {} : { [names.caCertificate]: caCertificate }),
    };
    this.registerOutputs({ bucket: this.bucket });
  }
}

/** Days after which an upload that nobody completed goes: pgBackRest's longest file takes hours. */
const abandonedUploads = 7;

/**
 * What pgBackRest's own retention removes, what somebody deletes by mistake and what an intruder overwrites with the
 * machine's keys: all of it can be got back for some days, and costs its place for so long.
 */
function policy({ keepDeletedDays }: BucketSpec): { versioning: boolean; lifecycle: LifecycleRule[] } {
  const uploads: LifecycleRule = { id: "unfinished-uploads", abortDays: abandonedUploads };
  // What was kept before this was switched off goes as well.
  const noncurrentDays = Math.max(keepDeletedDays, 1);
  const deleted: LifecycleRule = { id: "deleted-objects", noncurrentDays, removeMarkers: true };
  return { versioning: keepDeletedDays > 0, lifecycle: [deleted, uploads] };
}
