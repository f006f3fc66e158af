import { randomBytes, randomInt } from "node:crypto";
import { z } from "zod";
import { propertyDiff } from "../server/diff.ts";
import { type ResourceType, Secret, UNKNOWN } from "../server/resource.ts";
import { unwrapProperties } from "../server/values.ts";
import { checked, notImportable } from "./checked.ts";

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** Nobody tries out so many: NIST SP 800-63B asks for less of a secret that a machine makes (64). */
const minimalBits = 80;

const schema = z.strictObject({
  length: z
    .int("must be a whole number")
    .min(8, "must be at least 8")
    .max(256, "must be at most 256")
    .default(32),
  alphabet: z
    .string()
    .regex(/^[A-Za-z0-9._~-]*$/, "may hold only A-Z, a-z, 0-9 and . _ ~ -, which need no escaping in a URL")
    .refine((text) => new Set(text).size === text.length, "must not have a character twice")
    .refine((text) => text.length >= 2, "must have at least two characters")
    .default(`${letters}0123456789`),
  keepers: z.record(z.string(), z.string()).default({}),
});

/**
 * A password made by chance, in characters that are safe in URLs. It stays until its length, alphabet or keepers
 * change: then another one takes its place.
 */
export const password: ResourceType = {
  token: "phasewise-native:index:Password",
  secretOutputs: ["value"],

  async check(_ctx, { news }) {
    const { inputs, failures } = checked(schema, news);
    const parsed = schema.safeParse(unwrapProperties(inputs));
    if (parsed.success) {
      const bits = parsed.data.length * Math.log2(parsed.data.alphabet.length);
      if (bits < minimalBits) {
        failures.push({
          property: "length",
          reason:
            `gives a password of ${Math.floor(bits)} bits with ${parsed.data.alphabet.length} characters to choose ` +
            `from; at least ${minimalBits} are needed: make it ` +
            `${Math.ceil(minimalBits / Math.log2(parsed.data.alphabet.length))} or longer`,
        });
      }
    }
    return { inputs, failures };
  },

  async diff(_ctx, { oldInputs, newInputs }) {
    return propertyDiff({ olds: oldInputs, news: newInputs, forcesReplacement: () => true });
  },

  async create(_ctx, { inputs, preview }) {
    if (preview) return { id: "", outputs: { value: UNKNOWN } };
    const { length, alphabet } = schema.parse(unwrapProperties(inputs));
    return {
      id: randomBytes(8).toString("hex"),
      outputs: { value: new Secret(randomText(length, alphabet)) },
    };
  },

  async update(_ctx, { oldOutputs }) {
    return { outputs: oldOutputs };
  },

  async read(_ctx, { id, inputs, outputs }) {
    if (inputs === null || outputs === null) {
      throw notImportable(
        "Password",
        "its value would have to stand on the command line, where others can read it",
      );
    }
    return { id, inputs, outputs };
  },

  async delete() {},
};

/** Each character chosen with the same probability. */
export function randomText(length: number, alphabet: string): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]!).join("");
}
