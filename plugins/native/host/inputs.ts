import { z } from "zod";
import { type CheckFailure, type Properties, Secret, UNKNOWN } from "../../server/resource.ts";
import { hasSecret, isObject, unwrap } from "../../server/values.ts";
import { type Fault, failureOf, issuesOf } from "./faults.ts";
import { crossFaults, type Manifest, manifestSchema } from "./manifest.ts";
import { type StoredManifest, store, withMountGuards } from "./shape.ts";

const publicKey = z.string().regex(/^(ssh-ed25519|ecdsa-sha2-\S+|ssh-rsa) [A-Za-z0-9+/=]+( .*)?$/, {
  message: 'must be an OpenSSH public key, as "ssh-ed25519 AAAA..."',
});

export const connectionSchema = z.strictObject({
  host: z.string().min(1, "must be an address"),
  port: z.number().int().min(1).max(65535).default(22),
  user: z.string().min(1).default("root"),
  privateKey: z.string().regex(/^-----BEGIN [A-Z ]*PRIVATE KEY-----/, "must be an OpenSSH private key"),
});

const inputsSchema = z.strictObject({
  connection: connectionSchema,
  bootstrapHostKey: publicKey,
  machineId: z.string().optional(),
  manifest: manifestSchema,
  secrets: z.record(z.string(), z.string()).default({}),
  deadlineSeconds: z.number().positive().max(86_400).optional(),
});

export type Connection = z.infer<typeof connectionSchema>;

/** The inputs as the state keeps them, without any `Secret` around its values. */
export interface HostInputs {
  connection: Connection;
  bootstrapHostKey: string;
  machineId?: string;
  manifest: StoredManifest;
  secrets: Record<string, string>;
  deadlineSeconds?: number;
}

/**
 * Validates what a program gives and brings it into the stored form: defaults filled in, secrets marked. Values
 * that a preview does not know are let through.
 */
export function checkInputs(news: Properties): { inputs: Properties; failures: CheckFailure[] } {
  const plain = unwrap(news) as Properties;
  const parsed = inputsSchema.safeParse(plain);
  const faults: Fault[] = parsed.success ? crossInputs(parsed.data) : issuesOf(parsed.error, plain);
  const inputs: Properties = { ...plain, ...withDefaults(plain) };
  inputs.manifest = stored(plain.manifest, news.manifest);
  return { inputs: marked(inputs), failures: faults.map(failureOf) };
}

function crossInputs(data: { manifest: Manifest; secrets: Record<string, string> }): Fault[] {
  const faults = crossFaults(data.manifest, new Set(Object.keys(data.secrets)));
  return faults.map((fault) => ({ ...fault, path: ["manifest", ...fault.path] }));
}

function withDefaults(plain: Properties): Properties {
  const connection = isObject(plain.connection)
    ? { port: 22, user: "root", ...plain.connection }
    : plain.connection;
  return { connection, secrets: plain.secrets ?? {} };
}

function stored(manifest: unknown, given: unknown): unknown {
  const kept = store(manifest);
  if (kept === UNKNOWN) return UNKNOWN;
  const guarded = store(withMountGuards(manifest as Manifest));
  return hasSecret(given) ? new Secret(guarded) : guarded;
}

/** With the operator's key and all of the secret map marked as secrets, however they were given. */
function marked(inputs: Properties): Properties {
  const result = { ...inputs };
  if (isObject(result.connection) && typeof result.connection.privateKey === "string") {
    result.connection = { ...result.connection, privateKey: new Secret(result.connection.privateKey) };
  }
  if (isObject(result.secrets)) {
    result.secrets = Object.fromEntries(
      Object.entries(result.secrets).map(([name, value]) => [
        name,
        value === UNKNOWN ? value : new Secret(value),
      ]),
    );
  }
  return result;
}

/** The plain inputs out of the state. */
export function plainInputs(inputs: Properties): HostInputs {
  return unwrap(inputs) as HostInputs;
}
