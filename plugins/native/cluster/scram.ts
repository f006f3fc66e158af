import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

/** As PostgreSQL's scram_iterations. */
const ITERATIONS = 4096;
const SALT_BYTES = 16;
const VERIFIER = /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

/**
 * What PostgreSQL keeps of a password (RFC 5803): enough to check it, not to log in with it. Sent instead of the
 * password, which so never reaches the server, its log or its statistics. `password`: printable ASCII, which
 * SASLprep leaves as it is.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(SALT_BYTES)): string {
  const { storedKey, serverKey } = keys(password, salt, ITERATIONS);
  const [saltText, stored, server] = [salt, storedKey, serverKey].map((part) => part.toString("base64"));
  return `SCRAM-SHA-256$${ITERATIONS}:${saltText}$${stored}:${server}`;
}

/** Whether `verifier`, as read from pg_authid, was made from `password`. */
export function matches(password: string, verifier: string | null): boolean {
  const found = VERIFIER.exec(verifier ?? "");
  if (found === null) return false;
  const [, iterations = "", salt = "", stored = "", server = ""] = found;
  const made = keys(password, Buffer.from(salt, "base64"), Number(iterations));
  return equal(made.storedKey, stored) && equal(made.serverKey, server);
}

function keys(password: string, salt: Buffer, iterations: number): { storedKey: Buffer; serverKey: Buffer } {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const hmac = (data: string) => createHmac("sha256", salted).update(data).digest();
  return {
    storedKey: createHash("sha256").update(hmac("Client Key")).digest(),
    serverKey: hmac("Server Key"),
  };
}

function equal(left: Buffer, right: string): boolean {
  const other = Buffer.from(right, "base64");
  return left.length === other.length && timingSafeEqual(left, other);
}
