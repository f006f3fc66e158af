import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { type ResourceType, Secret, UNKNOWN } from "../server/resource.ts";
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

const schema = z.strictObject({
  commonName,
  /** Ten years. */
  validityHours: hours.default(87_600),
  /** Three years: longer than the certificates that it issues live, so that none of them is cut short. */
  renewBeforeHours: hours.default(26_280),
});

/**
 * A certificate authority. Renewed, it keeps its name and its key: certificates that it issued stay valid, and
 * whoever trusts the older certificate trusts what the newer one issues.
 */
export const authority: ResourceType = {
  token: "phasewise-native:index:Authority",
  secretOutputs: ["privateKey"],

  async check(_ctx, { news }) {
    const { inputs, failures } = checked(schema, news);
    return { inputs, failures: [...failures, ...validityFaults(inputs)] };
  },

  async diff(_ctx, args) {
    return renewalDiff({ ...args, forcesReplacement: (path) => path === "commonName" });
  },

  async create(_ctx, { inputs, preview }) {
    if (preview) {
      return { id: "", outputs: { certificate: UNKNOWN, privateKey: UNKNOWN, notAfter: UNKNOWN } };
    }
    const { generatePrivateKey } = await import("../../clients/x509.ts");
    const privateKey = generatePrivateKey();
    const issued = await issue(schema.parse(unwrapProperties(inputs)), privateKey);
    return {
      id: new X509Certificate(issued.certificate).serialNumber,
      outputs: { ...issued, privateKey: new Secret(privateKey) },
    };
  },

  async update(ctx, { id, oldInputs, oldOutputs, newInputs, preview }) {
    const diff = await authority.diff(ctx, { id, oldInputs, oldOutputs, newInputs, ignoreChanges: [] });
    if (!changed(diff, ["notAfter", "validityHours"])) return { outputs: oldOutputs };
    announceRenewal(ctx, diff, oldOutputs);
    if (preview) return { outputs: { ...oldOutputs, certificate: UNKNOWN, notAfter: UNKNOWN } };
    const issued = await issue(
      schema.parse(unwrapProperties(newInputs)),
      unwrap(oldOutputs.privateKey) as string,
    );
    return { outputs: { ...oldOutputs, ...issued } };
  },

  async read(_ctx, { id, inputs, outputs }) {
    if (inputs === null || outputs === null) {
      throw notImportable("Authority", "its private key is known to the state alone");
    }
    return { id, inputs, outputs };
  },

  async delete() {},
};

async function issue(inputs: z.infer<typeof schema>, privateKey: string) {
  const { issueAuthority } = await import("../../clients/x509.ts");
  const notAfter = endOf(inputs.validityHours);
  const certificate = await issueAuthority({ commonName: inputs.commonName, privateKey, notAfter });
  return { certificate, notAfter: new Date(new X509Certificate(certificate).validTo).toISOString() };
}
