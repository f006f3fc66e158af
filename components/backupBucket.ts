import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { SECRETS } from "../roles/secrets.ts";
import { Bucket } from "./native/bucket.ts";
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
    const { bucket, caCertificate, deletionProtection, endpoint, keys, region } = args;
    const own = caCertificate === null ? {} : { caCertificate };
    const resource = new Bucket(
      name,
      { bucket, endpoint, region, ...keys, ...own, forceDestroy: !deletionProtection },
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
