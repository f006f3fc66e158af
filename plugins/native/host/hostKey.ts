import { hkdfSync } from "node:crypto";
import { ed25519FromSeed, type SshKeyPair } from "../../../clients/ssh/keys.ts";

/**
 * The host key that the first converge puts in the place of the one from first boot (which stood in user data,
 * readable by every process of the machine at the metadata address).
 *
 * It follows from the operator's private key, so a create that died after the exchange knows it without having
 * kept anything. Whoever has the operator's key is root on the machine and gains nothing by it.
 */
export function derivedHostKey(operatorPrivateKey: string, bootstrapHostKey: string): SshKeyPair {
  const seed = hkdfSync(
    "sha256",
    operatorPrivateKey.trim(),
    publicPart(bootstrapHostKey),
    "phasewise host key",
    32,
  );
  return ed25519FromSeed(new Uint8Array(seed));
}

/** An OpenSSH public key without its comment. */
export function publicPart(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(" ");
}
