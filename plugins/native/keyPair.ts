import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import { ed25519FromSeed } from "../../clients/ssh/keys.ts";
import { propertyDiff } from "../server/diff.ts";
import { type ResourceType, Secret, UNKNOWN } from "../server/resource.ts";
import { unwrapProperties } from "../server/values.ts";
import { checked, notImportable } from "./checked.ts";

const schema = z.strictObject({
  type: z.literal("ed25519", "must be ed25519, the only type that is made").default("ed25519"),
  comment: z
    .string()
    .regex(
      /^[\x21-\x7e]*( [\x21-\x7e]+)*$/,
      "must be one line of plain characters, without spaces at its ends",
    )
    .default(""),
});

/**
 * An SSH key pair, made by chance, in OpenSSH's formats. The comment stands in the public key only, so that another
 * comment is an update and the key stays.
 */
export const keyPair: ResourceType = {
  token: "phasewise-native:index:KeyPair",
  secretOutputs: ["privateKey"],

  async check(_ctx, { news }) {
    return checked(schema, news);
  },

  async diff(_ctx, { oldInputs, newInputs }) {
    return propertyDiff({
      olds: oldInputs,
      news: newInputs,
      forcesReplacement: (path) => path === "type",
    });
  },

  async create(_ctx, { inputs, preview }) {
    if (preview) return { id: "", outputs: { publicKey: UNKNOWN, privateKey: UNKNOWN } };
    const { comment } = schema.parse(unwrapProperties(inputs));
    const { publicKey, privateKey } = ed25519FromSeed(randomBytes(32));
    return {
      id: fingerprint(publicKey),
      outputs: { publicKey: withComment(publicKey, comment), privateKey: new Secret(privateKey) },
    };
  },

  async update(_ctx, { oldOutputs, newInputs }) {
    if (newInputs.comment === UNKNOWN) return { outputs: { ...oldOutputs, publicKey: UNKNOWN } };
    const { comment } = schema.parse(unwrapProperties(newInputs));
    return { outputs: { ...oldOutputs, publicKey: withComment(oldOutputs.publicKey as string, comment) } };
  },

  async read(_ctx, { id, inputs, outputs }) {
    if (inputs === null || outputs === null) {
      throw notImportable("KeyPair", "its private key would have to stand on the command line");
    }
    return { id, inputs, outputs };
  },

  async delete() {},
};

function withComment(publicKey: string, comment: string): string {
  return [...publicKey.split(" ").slice(0, 2), comment].join(" ").trim();
}

/** As ssh-keygen -l shows it. */
function fingerprint(publicKey: string): string {
  const hash = createHash("sha256")
    .update(Buffer.from(publicKey.split(" ")[1]!, "base64"))
    .digest("base64");
  return `SHA256:${hash.replace(/=+$/, "")}`;
}
