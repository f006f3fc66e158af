import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { invalidField } from "./errors.ts";

/** What a certificate says of itself. */
export interface CertificateFacts {
  notBefore: string;
  notAfter: string;
  domainNames: string[];
  /** SHA-1 in hex with colons, as Hetzner shows it. */
  fingerprint: string;
}

const block = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const subjectName = /^CN=(.+)$/m;

function rfc3339(date: string): string {
  return `${new Date(date).toISOString().slice(0, 19)}Z`;
}

function readChain(pem: string): X509Certificate[] {
  const blocks = pem.match(block) ?? [];
  try {
    return blocks.map((text) => new X509Certificate(text));
  } catch {
    throw invalidField("certificate", "Not a valid certificate in PEM format.");
  }
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw invalidField("private_key", "Not a valid private key in PEM format without a passphrase.");
  }
}

/**
 * Reads a chain whose first certificate belongs to the key.
 * @throws ApiError invalid_input where they are not such.
 */
export function readCertificate(chain: string, privateKey: string): CertificateFacts {
  const [leaf] = readChain(chain);
  if (!leaf) throw invalidField("certificate", "Not a valid certificate in PEM format.");
  if (!leaf.checkPrivateKey(readKey(privateKey)))
    throw invalidField("private_key", "Does not belong to the certificate.");
  const alternatives = (leaf.subjectAltName ?? "").split(", ").filter((name) => name.startsWith("DNS:"));
  const common = subjectName.exec(leaf.subject)?.[1];
  const names = alternatives.map((name) => name.slice("DNS:".length));
  return {
    notBefore: rfc3339(leaf.validFrom),
    notAfter: rfc3339(leaf.validTo),
    domainNames: names.length > 0 || common === undefined ? names : [common],
    fingerprint: leaf.fingerprint.toLowerCase(),
  };
}
