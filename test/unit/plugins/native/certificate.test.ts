import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { certificate } from "../../../../plugins/native/certificate.ts";
import { Secret } from "../../../../plugins/server/resource.ts";
import { drive, unknown } from "../../../../plugins/server/testing.ts";
import { certificateInputs, newAuthority, newCertificate, type Pair, pairOf } from "./certificates.ts";

const day = 24 * 3600_000;

afterEach(() => void vi.useRealTimers());

async function issuer(): Promise<Pair> {
  return pairOf((await newAuthority()).state!.outputs);
}

describe("Certificate", () => {
  test("is unknown in a preview, also when its authority is; both keys are secret", async () => {
    const inputs = certificateInputs({ certificate: unknown, privateKey: unknown } as never);
    expect((await drive(certificate).preview(inputs)).outputs).toEqual({
      certificate: unknown,
      privateKey: new Secret(unknown),
      notAfter: unknown,
    });
    const driven = await newCertificate(await issuer());
    expect(driven.state!.outputs.privateKey).toBeInstanceOf(Secret);
    expect(driven.state!.inputs.authorityPrivateKey).toBeInstanceOf(Secret);
  });

  test("openssl verifies the chain, for server and client, and shows the names", async () => {
    const authority = await issuer();
    const { certificate: text } = pairOf((await newCertificate(authority)).state!.outputs);
    const folder = mkdtempSync(join(tmpdir(), "phasewise-certificate-"));
    const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, encoding: "utf8" });
    try {
      writeFileSync(join(folder, "ca.pem"), authority.certificate);
      writeFileSync(join(folder, "leaf.pem"), text);
      for (const purpose of ["sslserver", "sslclient"]) {
        const verified = openssl(
          "verify",
          "-x509_strict",
          "-purpose",
          purpose,
          "-CAfile",
          "ca.pem",
          "leaf.pem",
        );
        expect(verified).toBe("leaf.pem: OK\n");
      }
      const shown = openssl(
        "x509",
        "-in",
        "leaf.pem",
        "-noout",
        "-ext",
        "subjectAltName,keyUsage,extendedKeyUsage",
      );
      expect(shown).toContain(
        "DNS:core-1, DNS:localhost, IP Address:127.0.0.1, IP Address:10.0.1.11, IP Address:FD00:0:0:0:0:0:0:1",
      );
      expect(shown).toContain("Digital Signature");
      expect(shown).toContain("TLS Web Server Authentication, TLS Web Client Authentication");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("serves and authenticates in a TLS 1.3 handshake", async () => {
    const authority = await issuer();
    const server = pairOf((await newCertificate(authority, { usages: ["server"] })).state!.outputs);
    const client = pairOf((await newCertificate(authority, { usages: ["client"] })).state!.outputs);
    const listener = createServer(
      {
        cert: server.certificate,
        key: server.privateKey,
        ca: authority.certificate,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: "TLSv1.3",
      },
      (socket) => socket.end(`${socket.getProtocol()} ${socket.getPeerCertificate().subject.CN}`),
    );
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    try {
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect({
          port: (listener.address() as AddressInfo).port,
          host: "127.0.0.1",
          servername: "core-1",
          ca: authority.certificate,
          cert: client.certificate,
          key: client.privateKey,
        });
        socket.on("data", (data) => resolve(data.toString()));
        socket.on("error", reject);
      });
      expect(answer).toBe("TLSv1.3 core-1");
    } finally {
      listener.close();
    }
  });

  test("is renewed in place when its time comes and keeps its key", async () => {
    const authority = await issuer();
    const driven = await newCertificate(authority);
    const before = pairOf(driven.state!.outputs);
    const inputs = certificateInputs(authority);
    expect((await driven.up(inputs)).steps).toEqual(["same"]);
    vi.useFakeTimers({ now: Date.now() + 600 * day, toFake: ["Date"] });
    const preview = await driven.preview(inputs);
    expect(preview.steps).toEqual(["update"]);
    expect(preview.diff).toMatchObject({ replaces: [], detailed: { notAfter: "update" } });
    expect(preview.outputs).toMatchObject({ certificate: unknown, notAfter: unknown });
    await driven.up(inputs);
    const after = pairOf(driven.state!.outputs);
    expect(after.privateKey).toBe(before.privateKey);
    expect(Date.parse(new X509Certificate(after.certificate).validTo)).toBeGreaterThan(
      Date.now() + 700 * day,
    );
    expect((await driven.up(inputs)).steps).toEqual(["same"]);
  });

  test("another name or another authority issues it anew in place", async () => {
    const authority = await issuer();
    const driven = await newCertificate(authority);
    const named = await driven.up(certificateInputs(authority, { dnsNames: ["core-1", "db.example.org"] }));
    expect(named.steps).toEqual(["update"]);
    expect(named.diff!.detailed).toEqual({ "dnsNames[1]": "update" });
    const text = pairOf(driven.state!.outputs).certificate;
    expect(new X509Certificate(text).checkHost("db.example.org")).toBe("db.example.org");
    const other = await issuer();
    const moved = await driven.up(certificateInputs(other, { dnsNames: ["core-1", "db.example.org"] }));
    expect(moved.steps).toEqual(["update"]);
    const issued = new X509Certificate(pairOf(driven.state!.outputs).certificate);
    expect(issued.checkIssued(new X509Certificate(other.certificate))).toBe(true);
  });

  test("never lives longer than its authority", async () => {
    const short = pairOf((await newAuthority({ validityHours: 48, renewBeforeHours: 1 })).state!.outputs);
    const driven = await newCertificate(short);
    const issued = new X509Certificate(pairOf(driven.state!.outputs).certificate);
    expect(issued.validTo).toBe(new X509Certificate(short.certificate).validTo);
  });

  test("an authority that expired or another's key is named", async () => {
    const authority = await issuer();
    const other = await issuer();
    const mixed = { certificate: authority.certificate, privateKey: other.privateKey };
    await expect(newCertificate(mixed)).rejects.toThrow(
      'The key is not the one of the authority "CN=Test authority".',
    );
    vi.useFakeTimers({ now: Date.now() + 11 * 365 * day, toFake: ["Date"] });
    await expect(newCertificate(authority)).rejects.toThrow(
      /"CN=Test authority" expired on .*: renew it first\./,
    );
  });

  test("holds whatever names and addresses it was asked for", async () => {
    const authority = await issuer();
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
    const dnsName = fc
      .array(label, { minLength: 1, maxLength: 4 })
      .map((labels) => labels.join("."))
      .filter((name) => !/^[\d.]+$/.test(name));
    await fc.assert(
      fc.asyncProperty(
        fc.array(dnsName, { maxLength: 5 }),
        fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 5 }),
        async (dnsNames, ipAddresses) => {
          const driven = await newCertificate(authority, { dnsNames, ipAddresses });
          const issued = new X509Certificate(pairOf(driven.state!.outputs).certificate);
          for (const name of dnsNames) expect(issued.checkHost(name)).toBe(name);
          for (const address of ipAddresses) expect(issued.checkIP(address)).toBeDefined();
          expect(issued.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
        },
      ),
      { numRuns: 30, examples: [[[], ["::1.2.3.4", "::ffff:1.2.3.4", "1:2::3.4.5.6", "1.2.3.4"]]] },
    );
  });

  test("reports every fault at once", async () => {
    const wrong = {
      ...certificateInputs({ certificate: "x", privateKey: "y" }),
      dnsNames: ["a b"],
      usages: [],
    };
    await expect(drive(certificate).up({ ...wrong, ipAddresses: ["10.0.0.0/16"] })).rejects.toThrow(
      [
        "authorityCertificate: must be a certificate in PEM",
        "authorityPrivateKey: must be a private key in PEM (PKCS #8)",
        "dnsNames[0]: must be a DNS name",
        "ipAddresses[0]: must be an IP address, without a prefix length",
        "usages: must name at least one of server and client",
      ].join("\n"),
    );
  });
});
