import "reflect-metadata";
import { createPrivateKey, generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { isIPv4 } from "node:net";
import * as x509 from "@peculiar/x509";

/**
 * Makes certificate authorities and certificates: ECDSA on P-256 with SHA-256. Keys are PKCS #8 in PEM,
 * certificates X.509 v3 in PEM. Importing this takes 80 ms: import it where a certificate has to be made.
 */
x509.cryptoProvider.set(webcrypto as Parameters<typeof x509.cryptoProvider.set>[1]);

const curve = { name: "ECDSA", namedCurve: "P-256" } as const;
const signing = { ...curve, hash: "SHA-256" } as const;

/** A clock behind ours must not refuse what was just issued. */
const backdated = 5 * 60_000;

export type Usage = "server" | "client";

export interface CertificateRequest {
  commonName: string;
  dnsNames: string[];
  /** IPv4 and IPv6 addresses without a prefix length. */
  ipAddresses: string[];
  usages: Usage[];
  notAfter: Date;
}

export interface Issuer {
  certificate: string;
  privateKey: string;
}

export function generatePrivateKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/**
 * A certificate authority that issues certificates of machines, no further authorities. Made again with the same
 * name and key, it vouches for everything that the earlier one issued.
 * @throws Error when the key is no P-256 key in PEM.
 */
export async function issueAuthority(args: {
  commonName: string;
  privateKey: string;
  notAfter: Date;
}): Promise<string> {
  const keys = await keyPair(args.privateKey);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: distinguishedName(args.commonName),
    notBefore: new Date(Date.now() - backdated),
    notAfter: args.notAfter,
    signingAlgorithm: signing,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

/**
 * A certificate for `privateKey`, valid until `notAfter`, but no longer than its issuer.
 * @throws Error when the issuer has expired, is no authority, or its key is not the certificate's.
 */
export async function issueCertificate(
  request: CertificateRequest & { privateKey: string },
  issuer: Issuer,
): Promise<string> {
  const authority = new x509.X509Certificate(issuer.certificate);
  requireUsable(issuer);
  const keys = await keyPair(request.privateKey);
  const { privateKey: signingKey } = await keyPair(issuer.privateKey);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: distinguishedName(request.commonName),
    issuer: authority.subjectName,
    notBefore: new Date(Math.max(Date.now() - backdated, authority.notBefore.getTime())),
    notAfter: new Date(Math.min(request.notAfter.getTime(), authority.notAfter.getTime())),
    signingAlgorithm: signing,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(request.usages.map((usage) => usageIds[usage])),
      ...subjectAlternativeName(request),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

const usageIds: Record<Usage, string> = {
  server: x509.ExtendedKeyUsage.serverAuth,
  client: x509.ExtendedKeyUsage.clientAuth,
};

function requireUsable(issuer: Issuer): void {
  const authority = new X509Certificate(issuer.certificate);
  if (!authority.ca) throw new Error(`"${authority.subject}" is no certificate authority.`);
  if (!authority.checkPrivateKey(createPrivateKey(issuer.privateKey))) {
    throw new Error(`The key is not the one of the authority "${authority.subject}".`);
  }
  if (Date.parse(authority.validTo) <= Date.now()) {
    throw new Error(`The authority "${authority.subject}" expired on ${authority.validTo}: renew it first.`);
  }
}

function subjectAlternativeName(request: CertificateRequest): x509.SubjectAlternativeNameExtension[] {
  const names = [
    ...request.dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...request.ipAddresses.map((text) => ({ type: "ip" as const, value: plainAddress(text) })),
  ];
  return names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)];
}

/**
 * An address in the one form that the library reads rightly. It does not know an IPv6 address that ends as an
 * IPv4 one, and ipaddr.js takes `::10.0.0.1` for `::ffff:10.0.0.1`; URLs write both in hexadecimal.
 */
function plainAddress(text: string): string {
  if (isIPv4(text)) return text;
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/** A name of one part; what has a meaning in a name's text form is escaped by the library. */
function distinguishedName(commonName: string): x509.JsonName {
  return [{ CN: [commonName] }];
}

/** 127 random bits, positive, as RFC 5280 wants them. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function keyPair(privateKey: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(privateKey);
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new Error("The key is no P-256 key.");
  const { subtle } = webcrypto;
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const jwk = key.export({ format: "jwk" });
  const publicJwk = { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y };
  return {
    privateKey: await subtle.importKey("pkcs8", pkcs8, curve, false, ["sign"]),
    publicKey: await subtle.importKey("jwk", publicJwk, curve, true, ["verify"]),
  };
}
