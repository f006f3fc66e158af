import { z } from "zod";
import { OPERATOR_NAME } from "../../roles/operators.ts";
import { expecting } from "./expectation.ts";
import { describe, type Fault } from "./fault.ts";

/** A fault whose path begins below `access.keys`. */
export interface KeyFault extends Omit<Fault, "path"> {
  path: (string | number)[];
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
const smallestRsaBits = 2048;
const allowedKey = `a public key of OpenSSH (${keyTypes[0]}, ecdsa, or ssh-rsa of ${smallestRsaBits} bits)`;

/** Accounts of Debian and of what a data layer installs. An account that was overlooked is refused by the machine. */
const systemAccounts = [
  ...[
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
  ],
  ...[
    "backup",
    "list",
    "irc",
    "nobody",
    "messagebus",
    "sshd",
    "polkitd",
    "debian",
    "admin",
    "systemd-network",
  ],
  ...["systemd-timesync", "etcd", "haproxy", "postgres", "pgbouncer", "redis", "prometheus", "qdrant"],
];

/**
 * Everything that is wrong with the people's keys, at once: names, forms, weak keys, and keys that two people have,
 * so that the journal could not tell them apart.
 *
 * @param people As it stands in the file: a key, or a list of keys, for each person.
 */
export function keyFaults(people: Record<string, unknown>): KeyFault[] {
  const owners = new Map<string, string>();
  return Object.entries(people).flatMap(([person, value]) => [
    ...nameFaults(person),
    ...personFaults(person, value, owners),
  ]);
}

/** A person's keys as a list, however they were written. */
export function keysOf(value: unknown): string[] {
  return typeof value === "string" ? [value] : (value as string[]);
}

/** People's public keys: a key, or a list of keys, for each. */
export function publicKeys() {
  const form = "one line of a .pub file, or a list of them";
  const person = expecting(z.unknown(), `${allowedKey}, or a list of them`, `write ${form}`);
  return expecting(
    z.record(z.string(), person).superRefine((people, ctx) => {
      for (const { path, ...fault } of keyFaults(people)) {
        ctx.addIssue({ code: "custom", message: fault.found, path, params: { fault }, continue: true });
      }
    }),
    "public keys for each person",
    'write one line a person, as alice: "ssh-ed25519 AAAA... alice@laptop"',
  );
}

function nameFaults(person: string): KeyFault[] {
  const fault = (allowed: string, fix: string): KeyFault[] => [
    { path: [person], found: describe(person), allowed, fix },
  ];
  if (systemAccounts.includes(person)) {
    return fault("a name that no account of the system has", `rename it, as ${person}-ops`);
  }
  return OPERATOR_NAME.test(person)
    ? []
    : fault(
        "a person's name in small letters, digits and hyphens, the first a letter",
        "rename it, as alice",
      );
}

function personFaults(person: string, value: unknown, owners: Map<string, string>): KeyFault[] {
  if (typeof value === "string") return one([person], value, person, owners);
  if (!Array.isArray(value)) {
    const fix = "write one line of a .pub file, or a list of them";
    return [{ path: [person], found: describe(value), allowed: `${allowedKey}, or a list of them`, fix }];
  }
  if (value.length === 0) {
    const fix = `write a key, or take ${person} out: then the account is closed with the next up`;
    return [{ path: [person], found: "an empty list", allowed: "one key or more", fix }];
  }
  return value.flatMap((key, index) => one([person, index], key, person, owners));
}

function one(path: KeyFault["path"], key: unknown, person: string, owners: Map<string, string>): KeyFault[] {
  const wrong = judgeKey(key);
  if (wrong) return [{ path, found: describe(key), ...wrong }];
  const [, blob = ""] = (key as string).trim().split(/\s+/);
  const owner = owners.get(blob);
  owners.set(blob, owner ?? person);
  if (owner === undefined) return [];
  const allowed = "each key once: the journal tells people apart by their accounts";
  const fix =
    owner === person
      ? "remove it here"
      : `ask ${owner} and ${person} whose it is; the other makes one: ${makeKey}`;
  return [{ path, found: owner === person ? "the same key again" : `the key of ${owner}`, allowed, fix }];
}

const makeKey = "ssh-keygen -t ed25519";

function judgeKey(key: unknown): { allowed: string; fix: string } | null {
  const allowed = allowedKey;
  const plain = "write the one line of the person's .pub file, as cat ~/.ssh/id_ed25519.pub shows it";
  if (typeof key !== "string") return { allowed, fix: plain };
  if (key.includes("PRIVATE KEY")) {
    const fix = "write the content of the .pub file, and make a new pair, as this one has been shown";
    return { allowed, fix };
  }
  if (/[\r\n\0]/.test(key.trim())) return { allowed, fix: "write one key a line of a list" };
  const [type = "", blob = ""] = key.trim().split(/\s+/);
  if (type === "ssh-dss")
    return { allowed, fix: `DSA is broken, and OpenSSH refuses it: make a new pair, ${makeKey}` };
  if (type.includes("-cert-")) return { allowed, fix: "write the key itself, not a certificate of it" };
  if (!keyTypes.includes(type)) {
    const options = keyTypes.some((each) => key.includes(` ${each} `));
    return { allowed, fix: options ? "write the key alone, without options before it" : plain };
  }
  const fields = /^[A-Za-z0-9+/]+={0,2}$/.test(blob) ? fieldsOf(Buffer.from(blob, "base64")) : null;
  if (fields === null || fields.length < 2 || fields[0]?.toString("latin1") !== type) {
    return { allowed, fix: `it is cut off or damaged: ${plain}` };
  }
  const bits = type === "ssh-rsa" ? bitsOf(fields[2]) : smallestRsaBits;
  return bits < smallestRsaBits
    ? { allowed, fix: `${bits} bits are too few: make a new pair, ${makeKey}` }
    : null;
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

/** The length of an RSA modulus, whose first byte is 0 where its highest bit is set. */
function bitsOf(modulus: Buffer | undefined): number {
  const hex = modulus?.toString("hex").replace(/^(00)+/, "") ?? "";
  return hex === "" ? 0 : hex.length * 4 - (Math.clz32(Number.parseInt(hex.slice(0, 2), 16)) - 24);
}
