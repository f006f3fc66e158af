import { CustomResource, type CustomResourceOptions, type Input, type Output, secret } from "@pulumi/pulumi";

export interface BucketArgs {
  /** Its name: 3 to 63 lower-case letters, digits and hyphens, unique among all users of the object storage. */
  bucket: Input<string>;
  /** As https://fsn1.your-objectstorage.com. */
  endpoint: Input<string>;
  /** As fsn1. */
  region: Input<string>;
  /** Kept as a secret. */
  accessKey: Input<string>;
  /** Kept as a secret. */
  secretKey: Input<string>;
  /** PEM of the authority of the endpoint's certificate, where that is no public one. */
  caCertificate?: Input<string | undefined>;
  /** Whether deleting the resource deletes all that is in the bucket too; false if left out. */
  forceDestroy?: Input<boolean>;
  /** Whether deleting the resource leaves the bucket and all that is in it as they are; false if left out. */
  keepOnDelete?: Input<boolean>;
  /** Whether deleted and overwritten objects stay as older versions; left out: not looked at. */
  versioning?: Input<boolean>;
  /** All rules of the bucket; left out: not looked at. */
  lifecycle?: Input<LifecycleRule[]>;
}

/** All times are in days. */
export interface LifecycleRule {
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
  removeMarkers?: true;
}

/** A bucket of an object storage that speaks S3. One that is there already is taken over if it is ours and empty. */
export class Bucket extends CustomResource {
  declare readonly bucket: Output<string>;
  declare readonly endpoint: Output<string>;
  declare readonly region: Output<string>;

  constructor(name: string, args: BucketArgs, options?: CustomResourceOptions) {
    const inputs = { ...args, accessKey: secret(args.accessKey), secretKey: secret(args.secretKey) };
    super("phasewise-native:index:Bucket", name, inputs, options);
  }
}
