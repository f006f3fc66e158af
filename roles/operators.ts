import { directory, file, lines, role } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { SECRETS, secret } from "./secrets.ts";

/** A person who may log in as root. */
export interface Operator {
  /** Shown beside each of the keys, as "anna" or "ci". */
  name: string;
  /** OpenSSH public keys; comments are replaced by the name. */
  publicKeys: string[];
}

const NAME = /^[A-Za-z0-9._@-]+$/;
const PUBLIC_KEY =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) ([A-Za-z0-9+/]+={0,3})(?: [^\n]*)?$/;

/**
 * Who may log in: the stack's own operator first, then one line a key with the person's name, in the order given.
 * Whoever is not in it any more, is out.
 *
 * Throws, naming every fault, where a name or a key is malformed.
 */
export function operators(people: Operator[]): RoleManifest {
  const faults: string[] = [];
  const keys = people.flatMap((person) => {
    if (!NAME.test(person.name))
      faults.push(`"${person.name}" cannot stand beside a key: use letters, digits and . _ @ -`);
    if (person.publicKeys.length === 0) faults.push(`${person.name} has no public key`);
    return person.publicKeys.map((key) => {
      const [, type, body] = PUBLIC_KEY.exec(key.trim()) ?? [];
      if (!type) faults.push(`${person.name}: "${key.slice(0, 40)}" is no OpenSSH public key`);
      return `${type} ${body} ${person.name}`;
    });
  });
  if (faults.length > 0)
    throw new Error(`The operators' keys are wrong:\n${faults.map((fault) => `- ${fault}`).join("\n")}`);
  return role("operators", {
    directories: [directory("/root/.ssh", { mode: "0700" })],
    files: [
      file("/root/.ssh/authorized_keys", lines(secret(SECRETS.operatorKey), ...keys), { mode: "0600" }),
    ],
  });
}
