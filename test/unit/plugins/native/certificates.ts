import { authority } from "../../../../plugins/native/authority.ts";
import { certificate } from "../../../../plugins/native/certificate.ts";
import type { Properties } from "../../../../plugins/server/resource.ts";
import { drive } from "../../../../plugins/server/testing.ts";
import { unwrapProperties } from "../../../../plugins/server/values.ts";

export interface Pair {
  certificate: string;
  privateKey: string;
}

export function pairOf(outputs: Properties): Pair {
  return unwrapProperties(outputs) as unknown as Pair;
}

export async function newAuthority(inputs: Properties = {}) {
  const driven = drive(authority);
  await driven.up({ commonName: "Test authority", ...inputs });
  return driven;
}

export function certificateInputs(issuer: Pair, inputs: Properties = {}): Properties {
  return {
    authorityCertificate: issuer.certificate,
    authorityPrivateKey: issuer.privateKey,
    commonName: "core-1",
    dnsNames: ["core-1", "localhost"],
    ipAddresses: ["127.0.0.1", "10.0.1.11", "fd00::1"],
    usages: ["server", "client"],
    ...inputs,
  };
}

export async function newCertificate(issuer: Pair, inputs: Properties = {}) {
  const driven = drive(certificate);
  await driven.up(certificateInputs(issuer, inputs));
  return driven;
}
