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
}

/** A bucket of an object storage that speaks S3. One that is there already and ours is taken over. */
export class Bucket extends CustomResource {
  declare readonly bucket: Output<string>;
  declare readonly endpoint: Output<string>;
  declare readonly region: Output<string>;

  constructor(name: string, args: BucketArgs, options?: CustomResourceOptions) {
    const inputs = { ...args, accessKey: secret(args.accessKey), secretKey: secret(args.secretKey) };
    super("phasewise-native:index:Bucket", name, inputs, options);
  }
}
