import ipaddr from "ipaddr.js";
import { z } from "zod";
import { expecting } from "./expectation.ts";
import { describe, didYouMean, either } from "./fault.ts";

/** Building blocks of the settings: each says what it allows and how a wrong value is mended. */

/** A whole number in a range. `unit` stands behind the range, as "(GB)"; `why` ends the fix. */
export function wholeNumber(from: number, to: number, unit: string, why?: string) {
  const fix = (found: unknown): string => {
    if (typeof found === "string" && /^\d+$/.test(found)) return "write the number without quotation marks";
    const bound = typeof found === "number" && found < from ? `set it to ${from} or more` : null;
    const other =
      typeof found === "number" && found > to ? `set it to ${to} or less` : "write a whole number";
    return why ? `${bound ?? other}: ${why}` : (bound ?? other);
  };
  return expecting(
    z.int().min(from).max(to),
    `a whole number from ${from} to ${to}${unit && ` ${unit}`}`,
    fix,
  );
}

/** One of some words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  const fix = (found: unknown): string => {
    const near = typeof found === "string" ? didYouMean(found, words) : undefined;
    return near ? `did you mean ${near}?` : `write ${either(words)}`;
  };
  return expecting(z.enum(words), either(words), fix);
}

export function trueOrFalse() {
  return expecting(z.boolean(), "true or false", "write true or false without quotation marks");
}

/** A text of some form. */
export function text(pattern: RegExp, allowed: string, fix: string | ((found: unknown) => string)) {
  return expecting(z.string().regex(pattern), allowed, fix);
}

function parseCidr(value: string): { network: string; exact: boolean } | null {
  if (!ipaddr.IPv4.isValidCIDR(value)) return null;
  const network = `${ipaddr.IPv4.networkAddressFromCIDR(value)}/${value.split("/")[1]}`;
  return { network, exact: network === value };
}

function fixCidr(found: unknown): string {
  if (typeof found !== "string") return 'write it in quotation marks, as "203.0.113.7/32"';
  if (ipaddr.IPv4.isValidFourPartDecimal(found)) return `did you mean ${found}/32?`;
  const parsed = parseCidr(found);
  if (parsed && !parsed.exact)
    return `did you mean ${parsed.network}? The address must be the first of its range`;
  if (found.includes(":")) return "use the IPv4 range: the machines have no public IPv6 address";
  return "write an address, a slash and a number from 0 to 32, as 203.0.113.7/32 for one address";
}

/** Ranges of IPv4 addresses in CIDR form. */
export function cidrs() {
  const one = expecting(
    z.string().refine((value) => parseCidr(value)?.exact ?? false),
    "a range of IPv4 addresses, as 203.0.113.0/24",
    fixCidr,
  );
  return expecting(z.array(one), "a list of IPv4 ranges", 'write a list, as ["203.0.113.7/32"]');
}

const keyTypes = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
];

/** Whether a line is a whole OpenSSH public key: its fields fill it, and the first one names the type before it. */
function isPublicKey(line: string): boolean {
  const [type, blob] = line.trim().split(/\s+/);
  if (!type || !blob || !keyTypes.includes(type) || !/^[A-Za-z0-9+/]+={0,2}$/.test(blob)) return false;
  const fields = fieldsOf(Buffer.from(blob, "base64"));
  return fields !== null && fields.length > 1 && fields[0]?.toString("latin1") === type;
}

/** RFC 4251, section 5: every field begins with its length in four bytes; null where they do not add up. */
function fieldsOf(bytes: Buffer): Buffer[] | null {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < 4) return null;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return null;
    fields.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function fixPublicKey(found: unknown): string {
  if (typeof found === "string" && found.includes("PRIVATE KEY")) {
    return "this is a private key: write the content of the .pub file, and make a new pair, as this one has been shown";
  }
  return "write the one line of the person's .pub file, as cat ~/.ssh/id_ed25519.pub shows it";
}

/** OpenSSH public keys by person. A private key that was put here by mistake is not repeated on the screen. */
export function publicKeys() {
  const key = expecting(
    z.string().refine((value) => !value.includes("\n") && isPublicKey(value)),
    `a public key of OpenSSH (${keyTypes[0]}, ecdsa or ssh-rsa)`,
    fixPublicKey,
  );
  const person = text(
    /^[a-z][a-z0-9-]{0,31}$/,
    "a person's name in small letters, digits and hyphens",
    "rename it, as alice",
  );
  return expecting(
    z.record(person, key),
    "a public key for each person",
    'write one line a person, as alice: "ssh-ed25519 AAAA... alice@laptop"',
  );
}

/** Never repeats a private key that stands where a public one belongs. */
export function describePublic(value: unknown): string {
  return typeof value === "string" && value.includes("PRIVATE KEY") ? "a private key" : describe(value);
}
