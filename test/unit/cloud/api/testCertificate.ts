import { generatePrivateKey, issueAuthority, issueCertificate } from "../../../../clients/x509.ts";

const notAfter = new Date(Date.now() + 30 * 24 * 3600_000);

/** A certificate for a name, with its key and with the authority that vouches for it. */
export async function testCertificate(name: string) {
  const authorityKey = generatePrivateKey();
  const authority = await issueAuthority({ commonName: "Test", privateKey: authorityKey, notAfter });
  const privateKey = generatePrivateKey();
  const certificate = await issueCertificate(
    { commonName: name, dnsNames: [name], ipAddresses: [], usages: ["server"], notAfter, privateKey },
    { certificate: authority, privateKey: authorityKey },
  );
  return { authority, certificate, privateKey };
}
