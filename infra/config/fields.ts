import ipaddr from "ipaddr.js";
import { z } from "zod";
import { expecting } from "./expectation.ts";
import { didYouMean, either } from "./fault.ts";

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

/** A time of day in UTC. @param usual Its default, as "02:00". */
export function timeOfDay(usual: string) {
  return text(
    /^([01]\d|2[0-3]):[0-5]\d$/,
    `a time of day in UTC, as ${usual}`,
    `write hours and minutes, as "${usual}"`,
  ).default(usual);
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
