import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { SECRETS } from "../roles/secrets.ts";
import { Bucket, type LifecycleRule } from "./native/bucket.ts";
import type { BucketSpec } from "./spec.ts";

/** Who may use the object storage. */
export interface StorageKeys {
  accessKey: Input<string>;
  secretKey: Input<string>;
}

export interface BackupBucketArgs extends BucketSpec {
  keys: StorageKeys;
  deletionProtection: boolean;
}

/** The bucket that holds backups and the write-ahead log. */
export class BackupBucket extends ComponentResource {
  readonly bucket: Output<string>;
  /** What machines need to use it. */
  readonly machineSecrets: Record<string, Input<string>>;

  constructor(name: string, args: BackupBucketArgs, options?: ComponentResourceOptions) {
    super("phasewise:storage:BackupBucket", name, {}, options);
    const { bucket, caCertificate, deletionProtection, endpoint, keepOnDestroy, keys, region } = args;
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
      { parent: this, protect: deletionProtection },
    );
    this.bucket = resource.bucket;
    this.machineSecrets = {
      [SECRETS.backupAccessKey]: keys.accessKey,
      [SECRETS.backupSecretKey]: keys.secretKey,
      ...(caCertificate === null ? {} : { [SECRETS.backupCaCertificate]: caCertificate }),
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
