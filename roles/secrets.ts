import type { Manifest, RoleManifest } from "./manifest.ts";

/**
 * The secrets that roles ask for, by name. Certificates are no secrets but travel in the same map: they are known
 * late, and a manifest that only names them can be previewed whole.
 *
 * Secrets that stand in lines of configuration (passwords, access keys) must match `CONFIG_SAFE`.
 */
export const SECRETS = {
  /** OpenSSH public key of the stack's own operator, one line: made with the stack, so known late. */
  operatorKey: "operator-key",
  /** PEM of the stack's authority. */
  caCertificate: "ca-certificate",
  /** PEM of this machine's certificate: server and client use, for its name, private address, localhost, 127.0.0.1. */
  nodeCertificate: "node-certificate",
  nodeKey: "node-key",
  /** PEM of the certificate that database clients see: endpoint's name, public and private addresses. */
  endpointCertificate: "endpoint-certificate",
  endpointKey: "endpoint-key",
  replicatorPassword: "replicator-password",
  rewindPassword: "rewind-password",
  pgbouncerPassword: "pgbouncer-password",
  monitorPassword: "monitor-password",
  /** Of the SQL role that applications use. */
  applicationPassword: "application-password",
  redisPassword: "redis-password",
  redisAdminPassword: "redis-admin-password",
  redisMonitorPassword: "redis-monitor-password",
  redisPeerPassword: "redis-peer-password",
  redisBackupPassword: "redis-backup-password",
  /** The key of the cache's backups. */
  redisBackupCipher: "redis-backup-cipher",
  /** With which Sentinels come to Redis. */
  redisSentinelPassword: "redis-sentinel-password",
  /** With which clients come to Sentinels, Sentinels to each other, and root to its machine's own. */
  sentinelPassword: "sentinel-password",
  sentinelPeerPassword: "sentinel-peer-password",
  sentinelAdminPassword: "sentinel-admin-password",
  /** Of who is told of alerts. */
  alertWebhook: "alert-webhook",
  alertSlack: "alert-slack",
  alertMailPassword: "alert-mail-password",
  alertHeartbeat: "alert-heartbeat",
  backupAccessKey: "backup-access-key",
  backupSecretKey: "backup-secret-key",
  backupCipher: "backup-cipher",
  /** PEM of the authority behind the object storage's certificate, where it is none of the public ones. */
  backupCaCertificate: "backup-ca-certificate",
  secondBackupAccessKey: "second-backup-access-key",
  secondBackupSecretKey: "second-backup-secret-key",
  secondBackupCaCertificate: "second-backup-ca-certificate",
  /** The same of the repository that a new cluster takes its first data from. */
  originAccessKey: "origin-access-key",
  originSecretKey: "origin-secret-key",
  originCipher: "origin-cipher",
  originCaCertificate: "origin-ca-certificate",
} as const;

/** By which names machines ask for what opens each of the backups' repositories. Both have one cipher. */
export const REPOSITORY_SECRETS = {
  1: {
    accessKey: SECRETS.backupAccessKey,
    secretKey: SECRETS.backupSecretKey,
    caCertificate: SECRETS.backupCaCertificate,
  },
  2: {
    accessKey: SECRETS.secondBackupAccessKey,
    secretKey: SECRETS.secondBackupSecretKey,
    caCertificate: SECRETS.secondBackupCaCertificate,
  },
} as const;

/** What opens the repository that a new cluster takes its first data from. */
export const ORIGIN_SECRETS = {
  accessKey: SECRETS.originAccessKey,
  secretKey: SECRETS.originSecretKey,
  caCertificate: SECRETS.originCaCertificate,
} as const;

/** What a secret may hold that stands inside a line of YAML, INI or a password file. */
export const CONFIG_SAFE = /^[A-Za-z0-9._~+/=-]+$/;

const PLACEHOLDER = /\{\{secret:([A-Za-z0-9._-]+)\}\}/g;

/** The placeholder that the machine's converger replaces by the secret's value. */
export function secret(name: string): string {
  return `{{secret:${name}}}`;
}

/** Names of all secrets that the files of `part` need, sorted, each once. */
export function secretNames(part: Pick<Manifest, "roles"> | RoleManifest): string[] {
  const roles = "roles" in part ? part.roles : [part];
  const names = roles.flatMap((role) =>
    role.files.flatMap((file) => [...file.content.matchAll(PLACEHOLDER)].map((match) => match[1]!)),
  );
  return [...new Set(names)].sort();
}
