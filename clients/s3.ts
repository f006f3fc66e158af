import { createHash } from "node:crypto";
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
 * (many an endpoint knows no others), Content-MD5 on documents. Close it with `destroy()`.
 */
export function s3Client(target: S3Target): S3Client {
  const ca = target.caCertificate ?? undefined;
  const client = new S3Client({
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
  addContentMd5(client);
  return client;
}

/**
 * Ceph, which Hetzner's object storage is, refuses some documents (rules, deletes of many keys) without Content-MD5;
 * the SDK sends newer checksums only.
 */
function addContentMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { body?: unknown; headers: Record<string, string> };
      if (typeof request.body === "string" && request.body.startsWith("<")) {
        request.headers["content-md5"] = createHash("md5").update(request.body).digest("base64");
      }
      return next(args);
    },
    { step: "build", name: "contentMd5" },
  );
}
