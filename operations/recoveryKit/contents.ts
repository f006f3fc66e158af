import { createHash } from "node:crypto";
import { z } from "zod";
import type { Topology } from "../../infra/topology.ts";

/**
 * All that rebuilds a stack where nothing is left but the bucket: its settings, Pulumi's state with every secret in
 * clear (keys, authority, passwords, the backups' cipher), what it consists of, and catalogues of its own.
 */
const schema = z.object({
  format: z.literal("phasewise-recovery-kit"),
  version: z.literal(1),
  stack: z.string(),
  madeAt: z.string(),
  /** The version of Phasewise that made it. */
  phasewise: z.string(),
  /** The stack's file; its encrypted values need the stack's passphrase or KMS. */
  settings: z.string(),
  /** Those values in clear, by their paths, but for the cloud's token. */
  secrets: z.record(z.string(), z.string()).default({}),
  /** As `pulumi stack export --show-secrets` gives it and `pulumi stack import` takes it. */
  state: z.unknown(),
  topology: z.unknown(),
  /** Texts by path, as the settings name them. */
  catalogues: z.record(z.string(), z.string()),
  fingerprint: z.string(),
});

export type Kit = z.infer<typeof schema>;

/** @throws Error where the text is no recovery kit, or one of a newer version. */
export function parseKit(text: string): Kit {
  const result = schema.safeParse(JSON.parse(text));
  if (result.success) return result.data;
  throw new Error(
    `this is no recovery kit that this version knows: ${result.error.issues[0]?.message ?? ""}`,
  );
}

/**
 * Stands for everything in a kit that must not be older than the stack: a rotation of any key or password, another
 * machine, another setting or recipient changes it. No secret can be read from it.
 */
export function fingerprintOf(topology: Topology, settings: string): string {
  const { buckets, caCertificate, caches, clusters, machines, phase, recovery, ssh, stack } = topology;
  const parts = {
    stack,
    phase,
    settings,
    recipients: [...recovery.recipients].sort(),
    ssh,
    caCertificate,
    buckets,
    machines: machines.map(({ name, serverId, hostKey, volumes }) => ({ name, serverId, hostKey, volumes })),
    clusters: clusters.map(({ name, members, roles, backupCipher }) => ({
      name,
      members,
      roles,
      backupCipher,
    })),
    caches: caches.map(({ name, application, backupCipher }) => ({ name, application, backupCipher })),
  };
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
