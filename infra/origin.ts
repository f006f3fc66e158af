import { type Output, secret } from "@pulumi/pulumi";
import type { OriginSpec } from "../components/spec.ts";
import { SECRETS } from "../roles/secrets.ts";

/** Where a new stack takes its first data from, with the keys to it. */
export interface Origin {
  spec: OriginSpec;
  accessKey: string;
  secretKey: string;
  /** The key of the backups there. */
  cipher: string;
  /** PEM, where the storage's certificate is of no public authority. */
  caCertificate: string | null;
}

/** What machines need to read there. */
export function originSecrets({
  accessKey,
  caCertificate,
  cipher,
  secretKey,
}: Origin): Record<string, Output<string>> {
  return {
    [SECRETS.originAccessKey]: secret(accessKey),
    [SECRETS.originSecretKey]: secret(secretKey),
    [SECRETS.originCipher]: secret(cipher),
    ...(caCertificate === null ? {} : { [SECRETS.originCaCertificate]: secret(caCertificate) }),
  };
}
