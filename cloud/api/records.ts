import ipaddr from "ipaddr.js";

/** Rules for what DNS zones hold, see Hetzner's "Supported DNS record types"; pure. */

export const recordTypes = [
  "A",
  "AAAA",
  "CAA",
  "CNAME",
  "DS",
  "HINFO",
  "HTTPS",
  "MX",
  "NS",
  "PTR",
  "RP",
  "SOA",
  "SRV",
  "SVCB",
  "TLSA",
  "TXT",
] as const;

export type RecordType = (typeof recordTypes)[number];

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/** A domain of at least two labels, in lower case and without a dot at its end. */
export function isDomain(name: string): boolean {
  const labels = name.split(".");
  return name.length <= 253 && labels.length >= 2 && labels.every((one) => label.test(one));
}

/** "@" for the zone itself, else labels below it, the first of which may be "*". */
export function isRecordName(name: string): boolean {
  if (name === "@") return true;
  return name.split(".").every((one, index) => label.test(one) || (index === 0 && one === "*"));
}

const quotedStrings = /^"(?:[^"\\]|\\.){0,255}"(?: "(?:[^"\\]|\\.){0,255}")*$/;

/** What is wrong with a record's value; null: nothing. */
export function valueFault(type: RecordType, value: string): string | null {
  if (type === "A") return ipaddr.IPv4.isValidFourPartDecimal(value) ? null : "Not a valid IPv4 address.";
  if (type === "AAAA") return ipaddr.IPv6.isValid(value) ? null : "Not a valid IPv6 address.";
  if (type === "TXT") return quotedStrings.test(value) ? null : "Must be one or more quoted strings.";
  return /^[^\p{Cc}]+$/u.test(value) ? null : "Must not be empty or contain control characters.";
}
