import ipaddr from "ipaddr.js";
import type { CheckFailure, Properties } from "../../server/resource.ts";
import { isObject } from "../../server/values.ts";
import { type Field, map } from "../schema.ts";

/** The formats of Hetzner's Go client for label keys and values. */
const LABEL_KEY =
  /^([a-z0-9A-Z]([-_.a-z0-9A-Z]{0,253}[a-z0-9A-Z])?\/)?[a-z0-9A-Z]([-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?$/;
const LABEL_VALUE = /^(([a-z0-9A-Z][-_.a-z0-9A-Z]{0,61})?[a-z0-9A-Z])?$/;

/** `labels` of an SDK type. */
export function labels(options: Partial<Field> = {}): Field {
  return map({ invalid: invalidLabels, ...options });
}

/** `labels` of a framework type: never unset. */
export const frameworkLabels = labels({ computed: true, default: {} });

function invalidLabels(value: unknown): string | null {
  if (!isObject(value)) return null;
  for (const [key, label] of Object.entries(value)) {
    if (!LABEL_KEY.test(key)) return `The label key "${key}" is not correctly formatted.`;
    if (typeof label === "string" && !LABEL_VALUE.test(label)) {
      return `The label value "${label}" (key: ${key}) is not correctly formatted.`;
    }
  }
  return null;
}

export function invalidCidr(value: unknown): string | null {
  return ipaddr.isValidCIDR(String(value)) ? null : `"${String(value)}" is no address range, as 10.0.0.0/16.`;
}

export function invalidIp(value: unknown): string | null {
  return ipaddr.isValid(String(value)) ? null : `"${String(value)}" is no IP address.`;
}

export function notEmpty(what: string): (value: unknown) => string | null {
  return (value) => (value === "" ? `${what} must not be empty.` : null);
}

/** `datacenter` left the API on 2026-07-01. */
export function noDatacenter(): string {
  return 'The "datacenter" was removed from the API: use "location".';
}

/** An address or a range as the API writes it: always a range, in lower case, IPv6 in its shortest form. */
export function canonicalCidr(text: string): string {
  if (ipaddr.isValidCIDR(text)) {
    const [address, bits] = ipaddr.parseCIDR(text);
    return `${address.toString()}/${bits}`;
  }
  if (!ipaddr.isValid(text)) return text;
  const address = ipaddr.parse(text);
  return `${address.toString()}/${address.kind() === "ipv4" ? 32 : 128}`;
}

export function isInRange(address: string, range: string): boolean {
  if (!ipaddr.isValid(address) || !ipaddr.isValidCIDR(range)) return false;
  const parsed = ipaddr.parse(address);
  const [network, bits] = ipaddr.parseCIDR(range);
  return parsed.kind() === network.kind() && parsed.match([network, bits]);
}

/** Also true for a value that a preview does not know. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** A failure unless exactly one of the properties is given. */
export function exactlyOne(inputs: Properties, ...names: [string, ...string[]]): CheckFailure[] {
  const given = names.filter((name) => isGiven(inputs[name]));
  if (given.length === 1) return [];
  const found = given.length === 0 ? "none is" : `${given.join(" and ")} are`;
  return [{ property: names[0], reason: `Exactly one of ${names.join(", ")} must be given; ${found}.` }];
}
