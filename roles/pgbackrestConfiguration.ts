import { archiveOf, LOCKS } from "./archivePush.ts";
import { iniSection } from "./build.ts";
import { BACKUP_SPOOL, PORTS, POSTGRES_SOCKET, postgresData, TLS } from "./paths.ts";
import type { PgbackrestSettings, ReaderSettings, Repository } from "./pgbackrest.ts";
import { ORIGIN_SECRETS, REPOSITORY_SECRETS, SECRETS, secret } from "./secrets.ts";
import { nodeTls } from "./tls.ts";

export type RepositoryNumber = keyof typeof REPOSITORY_SECRETS;
/** Where the authorities of the object storages' certificates stand. */
export const BACKUP_CA: Record<RepositoryNumber, string> = {
  1: `${TLS}/backup-ca.pem`,
  2: `${TLS}/second-backup-ca.pem`,
};
/** The same of the repository that a new cluster takes its first data from. */
export const ORIGIN_CA = `${TLS}/origin-ca.pem`;
const ORIGIN_LOCKS = `${LOCKS}/origin`;
export const ORIGIN_SPOOL = `${BACKUP_SPOOL}/origin`;
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
  const { cores, second } = settings;
  const tls = nodeTls("pgbackrest");
  return [
    iniSection("global", {
      ...written(settings),
      ...(second === null ? {} : written({ ...second, repository: second }, 2)),
      "compress-type": "zst",
      "compress-level": 3,
      "start-fast": "y",
      // All cores: what makes backups is nice to PostgreSQL, and gets what that leaves.
      "process-max": Math.max(1, Math.min(4, cores)),
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

/**
 * What sends the log to one of several repositories, each by itself: where one is down, pgBackRest would keep all log
 * back from PostgreSQL's point of view and, past the bound, give it up for both. None where there is one repository.
 */
export function archiveConfigurations(
  settings: PgbackrestSettings,
): { path: string; spool: string; text: string }[] {
  const { repository, second } = settings;
  if (second === null) return [];
  return ([1, 2] as const).map((number) => {
    const { configuration: path, locks, spool } = archiveOf(number);
    const text = [
      iniSection("global", {
        // The only one in here: pgBackRest's first.
        ...storage(number === 1 ? repository : second, 1, number),
        "compress-type": "zst",
        "compress-level": 3,
        "io-timeout": 20,
        "archive-async": "y",
        "spool-path": spool,
        // A repository that works gets what waits for the other one too, once that is given up.
        "archive-push-queue-max": `${(2 * mostWaiting(settings) + 4) * 16}MiB`,
        "lock-path": locks,
        "log-level-console": "warn",
        "log-level-file": "off",
        "log-timestamp": "n",
      }),
      iniSection("global:archive-push", { "process-max": 2, "archive-timeout": 30 }),
      stanza(settings),
    ].join("\n");
    return { path, spool, text };
  });
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
  return reading(settings, {
    ...storage(settings.repository, 1, 1),
    "process-max": Math.max(1, Math.min(8, settings.cores)),
    ...workingAt(BACKUP_SPOOL, LOCKS),
  });
}

/** Of a repository that a machine only ever reads from, besides its own: nothing of the two may meet. */
export interface OriginSettings {
  /** Name of the cluster in that repository. */
  stanza: string;
  /** Of this machine's cluster. */
  postgresVersion: number;
  repository: ReaderSettings["repository"];
  /** pgBackRest's options of a restore, as "--set=...": backup, target, line of history. */
  options: string[];
}

/** For a restore from another cluster's repository, and for fetching its log. */
export function originConfiguration(settings: OriginSettings): string {
  return reading(settings, {
    ...storage(settings.repository, 1, "origin"),
    ...workingAt(ORIGIN_SPOOL, ORIGIN_LOCKS),
  });
}

function reading(
  settings: Pick<PgbackrestSettings, "stanza" | "postgresVersion">,
  global: Record<string, string | number>,
): string {
  return [
    iniSection("global", global),
    iniSection("global:archive-get", { "process-max": 2 }),
    stanza(settings),
  ].join("\n");
}

/** Where one that reads keeps what it fetched ahead, and its locks. */
function workingAt(spool: string, locks: string): Record<string, string | number> {
  return {
    "io-timeout": 20,
    "archive-async": "y",
    "spool-path": spool,
    "lock-path": locks,
    "log-level-console": "warn",
    "log-level-file": "off",
    "log-timestamp": "n",
  };
}

function stanza({ stanza: name, postgresVersion }: Pick<PgbackrestSettings, "stanza" | "postgresVersion">) {
  return iniSection(name, {
    "pg1-path": postgresData(postgresVersion),
    "pg1-socket-path": POSTGRES_SOCKET,
    "pg1-port": PORTS.postgres,
  });
}

function written(
  { repository, retentionDays }: Pick<PgbackrestSettings, "repository" | "retentionDays">,
  number: RepositoryNumber = 1,
): Record<string, string | number> {
  return {
    ...storage(repository, number, number),
    [`repo${number}-bundle`]: "y",
    [`repo${number}-block`]: "y",
    [`repo${number}-retention-full-type`]: "time",
    [`repo${number}-retention-full`]: retentionDays,
  };
}

/** @param number By which pgBackRest knows it. @param whose By which its secrets are asked for. */
function storage(
  repository: Repository,
  number: number,
  whose: RepositoryNumber | "origin",
): Record<string, string | number> {
  const names = whose === "origin" ? ORIGIN_SECRETS : REPOSITORY_SECRETS[whose];
  const ca = whose === "origin" ? ORIGIN_CA : BACKUP_CA[whose];
  const cipher = whose === "origin" ? SECRETS.originCipher : SECRETS.backupCipher;
  const repo = `repo${number}`;
  return {
    [`${repo}-type`]: "s3",
    [`${repo}-path`]: "/postgresql",
    [`${repo}-s3-endpoint`]: repository.endpoint,
    [`${repo}-storage-port`]: repository.port,
    [`${repo}-s3-region`]: repository.region,
    [`${repo}-s3-bucket`]: repository.bucket,
    [`${repo}-s3-uri-style`]: "path",
    [`${repo}-s3-key`]: secret(names.accessKey),
    [`${repo}-s3-key-secret`]: secret(names.secretKey),
    ...(repository.ownAuthority ? { [`${repo}-storage-ca-file`]: ca } : {}),
    [`${repo}-cipher-type`]: "aes-256-cbc",
    [`${repo}-cipher-pass`]: secret(cipher),
  };
}
