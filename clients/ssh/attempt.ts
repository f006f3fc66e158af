import { createHash } from "node:crypto";
import type { Client, ServerHostKeyAlgorithm } from "ssh2";
import type { SshTarget } from "../ssh.ts";
import type { FaultKind } from "./errors.ts";

/** How one attempt went: a client that is ready, or why there is none. */
export type Attempt = { client: Client } | FailedAttempt;

export interface FailedAttempt {
  client?: never;
  kind: FaultKind;
  reason: string;
  /** It took the connection and was too slow, or ended it: somebody is there. */
  answered: boolean;
}

/** A dead connection is noticed after three of these without an answer. */
const KEEPALIVE_MS = 5_000;
const KEEPALIVES_MISSED = 3;

/** Tries once, for so many milliseconds; rejects only with the signal's reason. */
export async function attemptConnection(
  target: SshTarget,
  attemptMs: number,
  signal: AbortSignal | undefined,
): Promise<Attempt> {
  // Loaded here: previews, which connect to nothing, start sooner without it.
  const { Client } = await import("ssh2");
  const client = new Client();
  let shown: string | null = null;
  let answered = false;
  return new Promise((resolve, reject) => {
    const stop = () => {
      client.destroy();
      reject(signal?.reason);
    };
    const settle = (attempt: Attempt) => {
      signal?.removeEventListener("abort", stop);
      client.removeAllListeners("error").on("error", () => client.destroy());
      if (attempt.client === undefined) client.destroy();
      resolve(attempt);
    };
    signal?.addEventListener("abort", stop, { once: true });
    client.once("connect", () => {
      answered = true;
    });
    client.once("ready", () => settle({ client }));
    client.once("close", () => settle({ kind: "unreachable", reason: "it closed the connection", answered }));
    client.once("error", (error) => settle({ ...explain(error, target, shown), answered }));
    try {
      client.connect({
        host: target.host,
        port: target.port,
        username: target.user,
        privateKey: target.privateKey,
        algorithms: { serverHostKey: hostKeyAlgorithms(target.hostKeys) },
        hostVerifier: (key: Buffer) => {
          const accepted = target.hostKeys.some((line) => keyBlob(line) === key.toString("base64"));
          if (!accepted) shown = fingerprint(key);
          return accepted;
        },
        readyTimeout: attemptMs,
        keepaliveInterval: KEEPALIVE_MS,
        keepaliveCountMax: KEEPALIVES_MISSED,
      });
      // Small packets would otherwise wait 40 ms for the other side's acknowledgement, several times a command.
      client.setNoDelay(true);
    } catch (error) {
      settle({ kind: "fatal", reason: `the private key cannot be used: ${text(error)}`, answered });
    }
  });
}

/** `SHA256:...` of a raw public key, as ssh-keygen prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

function explain(
  error: Error & { level?: string; code?: string },
  target: SshTarget,
  shown: string | null,
): Omit<FailedAttempt, "answered"> {
  if (shown !== null) {
    const expected = target.hostKeys.map((line) => fingerprint(Buffer.from(keyBlob(line), "base64")));
    return { kind: "hostkey", reason: `it shows the host key ${shown}, expected ${expected.join(" or ")}` };
  }
  if (/no matching host key format/i.test(error.message)) {
    return { kind: "hostkey", reason: "it has no host key of the expected type" };
  }
  if (error.level === "client-authentication") {
    return { kind: "refused", reason: "permission denied (public key)" };
  }
  return { kind: "unreachable", reason: reasonOf(error) };
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no route to it",
  ENETUNREACH: "no route to its network",
  ECONNRESET: "it closed the connection",
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "its name cannot be looked up now",
};

function reasonOf(error: Error & { code?: string; level?: string }): string {
  if (error.level === "client-timeout") return "no answer";
  return (error.code !== undefined ? REASONS[error.code] : undefined) ?? text(error);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function keyBlob(line: string): string {
  return line.trim().split(/\s+/)[1] ?? "";
}

/** Only what the pinned keys can answer, so that the machine shows one of these. */
function hostKeyAlgorithms(hostKeys: string[]): ServerHostKeyAlgorithm[] {
  const types = new Set(hostKeys.map((line) => line.trim().split(/\s+/)[0] ?? ""));
  const algorithms: ServerHostKeyAlgorithm[] = [];
  if (types.has("ssh-ed25519")) algorithms.push("ssh-ed25519");
  for (const size of ["256", "384", "521"] as const) {
    if (types.has(`ecdsa-sha2-nistp${size}`)) algorithms.push(`ecdsa-sha2-nistp${size}`);
  }
  if (types.has("ssh-rsa")) algorithms.push("rsa-sha2-512", "rsa-sha2-256");
  return algorithms;
}
