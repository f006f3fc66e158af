import { iniSection } from "./build.ts";
import { BACKUP_SPOOL, PORTS, POSTGRES_SOCKET, postgresData, TLS } from "./paths.ts";
import type { PgbackrestSettings, ReaderSettings } from "./pgbackrest.ts";
import { SECRETS, secret } from "./secrets.ts";
import { nodeTls } from "./tls.ts";

/** Where the authority of the object storage's certificate stands. */
export const BACKUP_CA = `${TLS}/backup-ca.pem`;
export const LOCKS = "/run/pgbackrest";
const MB = 1024 ** 2;

/** How many segments of the log (16 MB each) may wait for the archive. */
export function mostWaiting({
  volumeBytes,
  queuePercent,
}: Pick<PgbackrestSettings, "volumeBytes" | "queuePercent">) {
  return Math.max(4, Math.floor((volumeBytes * queuePercent) / 100 / (16 * MB)));
}

/**
 * Docs: pgbackrest.org/configuration.html. Bundles and block increments make few objects and small differential
 * backups; asynchronous archiving sends several segments at once. The queue's limit stands behind that of
 * `archivePush`, which see. The I/O timeout counts many times over before pgBackRest gives up (check: 19 times):
 * with the default of 60 s a storage that is down is reported after 20 minutes.
 */
export function pgbackrestConfiguration(settings: PgbackrestSettings): string {
  const { repository, retentionDays, cores } = settings;
  const tls = nodeTls("pgbackrest");
  return [
    iniSection("global", {
      ...storage(repository),
      "repo1-bundle": "y",
      "repo1-block": "y",
      "repo1-retention-full-type": "time",
      "repo1-retention-full": retentionDays,
      "compress-type": "zst",
      "compress-level": 3,
      "start-fast": "y",
      "process-max": Math.max(1, Math.min(4, Math.floor(cores / 2))),
      "io-timeout": 20,
      // A member whose power went in the middle of a backup is noticed in 25 s; pgBackRest's own limit is 31 minutes.
      "tcp-keep-alive-idle": 10,
      "tcp-keep-alive-interval": 5,
      "tcp-keep-alive-count": 3,
      "archive-async": "y",
      "spool-path": BACKUP_SPOOL,
      "archive-push-queue-max": `${(mostWaiting(settings) + 4) * 16}MiB`,
      "lock-path": LOCKS,
      "log-level-console": "warn",
      "log-level-file": "off",
      "log-timestamp": "n",
    }),
    // PostgreSQL tries a segment that was refused again after a minute: a backup waits for longer than that.
    iniSection("global:backup", { "log-level-console": "info", "archive-timeout": 180 }),
    iniSection("global:archive-push", { "process-max": 2, "archive-timeout": 30 }),
    iniSection("global:archive-get", { "process-max": 2 }),
    ...(settings.peers.length === 0
      ? []
      : [
          iniSection("global:server", {
            "tls-server-address": settings.address,
            "tls-server-port": PORTS.pgbackrest,
            "tls-server-ca-file": tls.ca,
            "tls-server-cert-file": tls.certificate,
            "tls-server-key-file": tls.key,
          }),
          // One line a peer: the key is repeated.
          `${settings.peers.map(({ name }) => `tls-server-auth = ${name}=${settings.stanza}`).join("\n")}\n`,
        ]),
    stanza(settings),
  ].join("\n");
}

/** The cluster's other members, for backups alone: everything else is about this machine's PostgreSQL. */
export function peersConfiguration({ stanza: name, postgresVersion, peers }: PgbackrestSettings): string {
  const tls = nodeTls("pgbackrest");
  const entries = peers.map(({ address }, index) => {
    const pg = `pg${index + 2}`;
    return {
      [`${pg}-host`]: address,
      [`${pg}-host-type`]: "tls",
      [`${pg}-host-port`]: PORTS.pgbackrest,
      [`${pg}-host-ca-file`]: tls.ca,
      [`${pg}-host-cert-file`]: tls.certificate,
      [`${pg}-host-key-file`]: tls.key,
      [`${pg}-path`]: postgresData(postgresVersion),
      [`${pg}-socket-path`]: POSTGRES_SOCKET,
      [`${pg}-port`]: PORTS.postgres,
    };
  });
  return iniSection(name, Object.assign({}, ...entries) as Record<string, string | number>);
}

/** For a machine that restores and makes no backups. */
export function readerConfiguration(settings: ReaderSettings): string {
  return [
    iniSection("global", {
      ...storage(settings.repository),
      "process-max": Math.max(1, Math.min(8, settings.cores)),
      "io-timeout": 20,
      "archive-async": "y",
      "spool-path": BACKUP_SPOOL,
      "lock-path": LOCKS,
      "log-level-console": "warn",
      "log-level-file": "off",
      "log-timestamp": "n",
    }),
    iniSection("global:archive-get", { "process-max": 2 }),
    stanza(settings),
  ].join("\n");
}

function stanza({ stanza: name, postgresVersion }: Pick<PgbackrestSettings, "stanza" | "postgresVersion">) {
  return iniSection(name, {
    "pg1-path": postgresData(postgresVersion),
    "pg1-socket-path": POSTGRES_SOCKET,
    "pg1-port": PORTS.postgres,
  });
}

function storage(repository: PgbackrestSettings["repository"]): Record<string, string | number> {
  return {
    "repo1-type": "s3",
    "repo1-path": "/postgresql",
    "repo1-s3-endpoint": repository.endpoint,
    "repo1-storage-port": repository.port,
    "repo1-s3-region": repository.region,
    "repo1-s3-bucket": repository.bucket,
    "repo1-s3-uri-style": "path",
    "repo1-s3-key": secret(SECRETS.backupAccessKey),
    "repo1-s3-key-secret": secret(SECRETS.backupSecretKey),
    ...(repository.ownAuthority ? { "repo1-storage-ca-file": BACKUP_CA } : {}),
    "repo1-cipher-type": "aes-256-cbc",
    "repo1-cipher-pass": secret(SECRETS.backupCipher),
  };
}
