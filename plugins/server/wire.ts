import { type Properties, Secret, UNKNOWN } from "./resource.ts";

/** Marks an object of the protocol that stands for more than itself; its value says for what. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e";

/** How the engine writes an unknown string; also what this side writes for every unknown. */
const UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** Unknown bool, number, array, asset, archive and object (Pulumi's sdk/go/common/resource/plugin/rpc.go). */
const UNKNOWN_VALUES: ReadonlySet<string> = new Set([
  UNKNOWN_STRING,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** JSON as the protocol's Struct carries it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** From the protocol to values with `Secret` and `UNKNOWN`. A reference to a resource becomes its id. */
export function decode(value: Json): unknown {
  if (typeof value === "string") return UNKNOWN_VALUES.has(value) ? UNKNOWN : value;
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(decode);
  const inner = value.value === undefined ? null : value.value;
  switch (value[SIGNATURE]) {
    case SECRET:
      return new Secret(decode(inner));
    case OUTPUT: {
      const plain = value.value === undefined ? UNKNOWN : decode(inner);
      return value.secret === true ? new Secret(plain) : plain;
    }
    case RESOURCE:
      return value.id === undefined || value.id === "" ? UNKNOWN : decode(value.id);
  }
  return decodeProperties(value);
}

export function decodeProperties(value: { [key: string]: Json }): Properties {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item)]));
}

/**
 * To the protocol: `undefined` is left out (null inside a list), `Secret` and `UNKNOWN` are written as the engine
 * reads them. Throws with the property's path on what JSON cannot carry (a function, a bigint, NaN).
 */
export function encode(value: unknown, path = "value"): Json {
  if (value === UNKNOWN) return UNKNOWN_STRING;
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (value instanceof Secret) return { [SIGNATURE]: SECRET, value: encode(value.value, path) };
  if (Array.isArray(value)) return value.map((item, index) => encode(item, `${path}[${index}]`));
  if (typeof value === "object" && isPlain(value)) return encodeProperties(value as Properties, path);
  const what = typeof value === "object" ? value.constructor.name : `${typeof value} ${String(value)}`;
  throw new Error(`The property ${path} cannot be sent to Pulumi: it is a ${what}.`);
}

export function encodeProperties(properties: Properties, path = ""): { [key: string]: Json } {
  const result: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(properties)) {
    if (value !== undefined) result[key] = encode(value, path === "" ? key : `${path}.${key}`);
  }
  return result;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
