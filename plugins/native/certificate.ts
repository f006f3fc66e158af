import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { z } from "zod";
import { type Properties, type ResourceType, Secret, UNKNOWN } from "../server/resource.ts";
import { unwrap, unwrapProperties } from "../server/values.ts";
import {
  announceRenewal,
  changed,
  commonName,
  endOf,
  hours,
  renewalDiff,
  validityFaults,
} from "./certificates/validity.ts";
import { checked, notImportable } from "./checked.ts";

const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const dnsName = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*$`);

const schema = z.strictObject({
  authorityCertificate: z.string().startsWith("-----BEGIN CERTIFICATE-----", "must be a certificate in PEM"),
  authorityPrivateKey: z
    .string()
    .startsWith("-----BEGIN PRIVATE KEY-----", "must be a private key in PEM (PKCS #8)"),
  commonName,
  dnsNames: z
    .array(z.string().refine((text) => dnsName.test(text) && isIP(text) === 0, "must be a DNS name"))
    .default([]),
  ipAddresses: z
    .array(z.string().refine((text) => isIP(text) !== 0, "must be an IP address, without a prefix length"))
    .default([]),
  usages: z
    .array(z.enum(["server", "client"], 'must be "server" or "client"'))
    .min(1, "must name at least one of server and client"),
  /** Two years. */
  validityHours: hours.default(17_520),
  /** Half a year: a stack that nobody touches for so long still has valid certificates. */
  renewBeforeHours: hours.default(4_380),
});

/** What is written into the certificate: a change of any of them issues it anew. */
const issuing = [
  "authorityCertificate",
  "authorityPrivateKey",
  "commonName",
  "dnsNames",
  "ipAddresses",
  "usages",
  "validityHours",
  "notAfter",
];

/**
 * A certificate issued by an Authority. It is renewed in place and keeps its private key, so that a machine that
 * has one of the two files already never holds a pair that does not belong together.
 */
export const certificate: ResourceType = {
  token: "phasewise-native:index:Certificate",
  secretOutputs: ["privateKey"],

  async check(_ctx, { news }) {
    const { inputs, failures } = checked(schema, news, ["authorityPrivateKey"]);
    return { inputs, failures: [...failures, ...validityFaults(inputs)] };
  },

  async diff(_ctx, args) {
    return renewalDiff(args);
  },

  async create(_ctx, { inputs, preview }) {
    if (preview) {
      return { id: "", outputs: { certificate: UNKNOWN, privateKey: UNKNOWN, notAfter: UNKNOWN } };
    }
    const { generatePrivateKey } = await import("../../clients/x509.ts");
    const privateKey = generatePrivateKey();
    const issued = await issue(inputs, privateKey);
    return {
      id: new X509Certificate(issued.certificate).serialNumber,
      outputs: { ...issued, privateKey: new Secret(privateKey) },
    };
  },

  async update(ctx, { id, oldInputs, oldOutputs, newInputs, preview }) {
    const diff = await certificate.diff(ctx, { id, oldInputs, oldOutputs, newInputs, ignoreChanges: [] });
    if (!changed(diff, issuing)) return { outputs: oldOutputs };
    announceRenewal(ctx, diff, oldOutputs);
    if (preview) return { outputs: { ...oldOutputs, certificate: UNKNOWN, notAfter: UNKNOWN } };
    return {
      outputs: { ...oldOutputs, ...(await issue(newInputs, unwrap(oldOutputs.privateKey) as string)) },
    };
  },

  async read(_ctx, { id, inputs, outputs }) {
    if (inputs === null || outputs === null) {
      throw notImportable("Certificate", "its private key is known to the state alone");
    }
    return { id, inputs, outputs };
  },

  async delete() {},
};

async function issue(inputs: Properties, privateKey: string) {
  const { issueCertificate } = await import("../../clients/x509.ts");
  const { authorityCertificate, authorityPrivateKey, validityHours, ...request } = schema.parse(
    unwrapProperties(inputs),
  );
  const text = await issueCertificate(
    { ...request, notAfter: endOf(validityHours), privateKey },
    { certificate: authorityCertificate, privateKey: authorityPrivateKey },
  );
  return { certificate: text, notAfter: new Date(new X509Certificate(text).validTo).toISOString() };
}
