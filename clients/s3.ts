import { Agent } from "node:https";
import { S3Client } from "@aws-sdk/client-s3";

/** An object storage that speaks S3, and who we are to it. */
export interface S3Target {
  /** With scheme and, where it is not 443, port: https://198.18.0.1:9000. */
  endpoint: string;
  region: string;
  accessKey: string;
  secretKey: string;
  /** PEM of an authority to trust instead of the public ones. */
  caCertificate?: string | null;
}

/**
 * How long to wait for a connection (which, with more than `maxSockets` requests at once, includes the wait for a
 * free one) and for signs of life on it, in milliseconds.
 */
const connectionTimeout = 15_000;
const socketTimeout = 60_000;

/**
 * A client of the AWS SDK for any S3 endpoint: buckets in the path, checksums only where the operation wants them
 * (many an endpoint knows no others). Close it with `destroy()`.
 */
export function s3Client(target: S3Target): S3Client {
  const ca = target.caCertificate ?? undefined;
  return new S3Client({
    endpoint: target.endpoint,
    region: target.region,
    credentials: { accessKeyId: target.accessKey, secretAccessKey: target.secretKey },
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 4,
    requestHandler: {
      connectionTimeout,
      socketTimeout,
      httpsAgent: new Agent({ ca, keepAlive: true, maxSockets: 16 }),
    },
  });
}
