import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";

const day = 24 * 3600_000;
/** Of the authority: clients keep it, so it outlives the cloud. */
const authorityDays = 3650;
/** Of the server's certificate, and when it is made anew. Some clients refuse more than 398 days. */
const serverDays = 397;
const renewalDays = 30;

/** What the server needs for TLS, all in PEM. */
export interface TlsFiles {
  authority: string;
  certificate: string;
  privateKey: string;
}

/** The authority that clients have to trust; null where the object storage was never started. */
export async function readAuthority(directory: string): Promise<string | null> {
  return (await readPair(join(directory, "tls"), "ca"))?.certificate ?? null;
}

/**
 * The certificate for `addresses` and localhost, taken from `directory` as long as it fits and does not expire soon,
 * else issued anew by the same authority. An authority is made only where there is none or it is about to expire.
 */
export async function ensureCertificate(
  directory: string,
  addresses: string[],
  now: number = Date.now(),
): Promise<TlsFiles> {
  const folder = join(directory, "tls");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const authority = await ensureAuthority(folder, now);
  const found = await readPair(folder, "server");
  const server = found !== null && fits(found, authority, addresses, now) ? found : await issue();
  return { authority: authority.certificate, ...server };

  async function issue(): Promise<Pair> {
    const { generatePrivateKey, issueCertificate } = await import("../../clients/x509.ts");
    const privateKey = generatePrivateKey();
    const certificate = await issueCertificate(
      {
        commonName: "Phasewise object storage",
        // For clients that compare a certificate with names only, as pgBackRest before 2.51.
        dnsNames: ["localhost"],
        ipAddresses: addresses,
        usages: ["server"],
        notAfter: new Date(now + serverDays * day),
        privateKey,
      },
      authority,
    );
    return await writePair(folder, "server", { certificate, privateKey });
  }
}

interface Pair {
  certificate: string;
  privateKey: string;
}

async function ensureAuthority(folder: string, now: number): Promise<Pair> {
  const found = await readPair(folder, "ca");
  if (
    found !== null &&
    Date.parse(new X509Certificate(found.certificate).validTo) > now + renewalDays * day
  ) {
    return found;
  }
  const { generatePrivateKey, issueAuthority } = await import("../../clients/x509.ts");
  const privateKey = found?.privateKey ?? generatePrivateKey();
  const certificate = await issueAuthority({
    commonName: "Phasewise embedded object storage",
    privateKey,
    notAfter: new Date(now + authorityDays * day),
  });
  return await writePair(folder, "ca", { certificate, privateKey });
}

function fits(pair: Pair, authority: Pair, addresses: string[], now: number): boolean {
  const certificate = new X509Certificate(pair.certificate);
  return (
    certificate.verify(new X509Certificate(authority.certificate).publicKey) &&
    Date.parse(certificate.validTo) > now + renewalDays * day &&
    addresses.every((address) => certificate.checkIP(address) !== undefined)
  );
}

/** A certificate and its key, in one file so that they always belong together; null where there is none. */
async function readPair(folder: string, name: string): Promise<Pair | null> {
  let text: string;
  try {
    text = await readFile(join(folder, `${name}.pem`), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const blocks = text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n/g);
  if (blocks?.length !== 2)
    throw new Error(`${join(folder, `${name}.pem`)} is damaged: remove it to have it made anew.`);
  const [certificate, privateKey] = blocks as [string, string];
  createPrivateKey(privateKey);
  return { certificate, privateKey };
}

async function writePair(folder: string, name: string, pair: Pair): Promise<Pair> {
  await writeFileAtomic(join(folder, `${name}.pem`), pair.certificate + pair.privateKey, { mode: 0o600 });
  return pair;
}
