import { ARCHIVE_PUSH, archivePush, LOCKS } from "./archivePush.ts";
import { backupUnit, backupUnits, PEERS } from "./backupUnits.ts";
import { directory, file, reload, restart, role, running } from "./build.ts";
import type { RoleManifest, Step } from "./manifest.ts";
import { BACKUP_SPOOL, TLS } from "./paths.ts";
import {
  archiveConfigurations,
  BACKUP_CA,
  mostWaiting,
  peersConfiguration,
  pgbackrestConfiguration,
  type RepositoryNumber,
  readerConfiguration,
} from "./pgbackrestConfiguration.ts";
import { REPOSITORY_SECRETS, secret } from "./secrets.ts";
import { nodeTlsFiles } from "./tls.ts";
import { unitFile } from "./unit.ts";

export { backupUnit, VERIFY_UNIT } from "./backupUnits.ts";

export interface PgbackrestSettings {
  /** Name of the cluster in the repository. */
  stanza: string;
  postgresVersion: number;
  repository: Repository;
  retentionDays: number;
  /** Everything goes there too, under the same cipher: it holds the same data, and the same machines have its key. */
  second: (Repository & { retentionDays: number }) | null;
  /** UTC, as "02:00". */
  time: string;
  /** The day of the full backup; every other day has a differential one. */
  fullOn: Weekday;
  cores: number;
  volumeBytes: number;
  /** Share of the volume that log may take while the storage does not answer. */
  queuePercent: number;
  /** This machine, and the cluster's other members: a backup is made on one of them. */
  name: string;
  address: string;
  peers: { name: string; address: string }[];
}

/** Where backups lie. */
export interface Repository {
  /** Host name or address of the S3 service, without a scheme. */
  endpoint: string;
  port: number;
  region: string;
  bucket: string;
  /** Whether its certificate comes from an authority of its own (a secret of `REPOSITORY_SECRETS`). */
  ownAuthority: boolean;
}

export type Weekday = "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";

export const PGBACKREST_PACKAGES = ["pgbackrest"];

const CONFIGURATION = "/etc/pgbackrest/pgbackrest.conf";
/** Lets the other members, which have a certificate of the stack, read this one's files for a backup. */
const SERVER_UNIT = "phasewise-pgbackrest.service";
const LOCKS_FOLDER = `d ${LOCKS} 0750 postgres postgres -\n`;

/** Of the object storages that have one of their own. */
function authorityFiles({ repository, second }: Pick<PgbackrestSettings, "repository" | "second">) {
  const certificate = (number: RepositoryNumber) =>
    file(BACKUP_CA[number], secret(REPOSITORY_SECRETS[number].caCertificate));
  return [
    ...(repository.ownAuthority ? [certificate(1)] : []),
    ...(second?.ownAuthority ? [certificate(2)] : []),
  ];
}

const LOCKS_STEP: Step = {
  name: "backup locks",
  probe: `[ -d ${LOCKS} ]`,
  act: "systemd-tmpfiles --create phasewise-pgbackrest.conf",
};

/**
 * Prints what one repository holds as JSON: run on a machine with this role, as root. See `newestBackup`. Where the
 * storage does not answer, it says so after 20 s (measured: 9.5 times the I/O timeout).
 * @param repository Its number in the machine's configuration.
 */
export function backupInfoCommand(stanza: string, repository = 1): string {
  return `runuser -u postgres -- pgbackrest --stanza=${stanza} --repo=${repository} --io-timeout=2 --output=json info`;
}

/**
 * Backups and the archive of the write-ahead log in an object storage: encrypted, compressed, a full one
 * each week and a differential one each other day, made by one of the members, a standby where there is one.
 */
export function pgbackrest(settings: PgbackrestSettings): RoleManifest {
  const parts = backupUnits(settings);
  const archives = archiveConfigurations(settings);
  const server = settings.peers.length === 0 ? null : peerServer(settings);
  return role("pgbackrest", {
    packages: PGBACKREST_PACKAGES,
    hold: PGBACKREST_PACKAGES,
    directories: [
      directory("/etc/pgbackrest", { group: "postgres", mode: "0750" }),
      ...[...new Set([BACKUP_SPOOL, ...archives.map(({ spool }) => spool)])].map((spool) =>
        directory(spool, { owner: "postgres", mode: "0750" }),
      ),
      ...parts.directories,
      ...(server?.directories ?? []),
    ],
    files: [
      ...authorityFiles(settings),
      file(CONFIGURATION, pgbackrestConfiguration(settings), {
        group: "postgres",
        mode: "0640",
        ...(server ? { onChange: reload(SERVER_UNIT) } : {}),
      }),
      file("/etc/tmpfiles.d/phasewise-pgbackrest.conf", LOCKS_FOLDER),
      ...archives.map(({ path, text }) => file(path, text, { group: "postgres", mode: "0640" })),
      file(
        ARCHIVE_PUSH,
        archivePush({ ...settings, mostSegments: mostWaiting(settings), several: settings.second !== null }),
        { mode: "0755" },
      ),
      ...(server?.files ?? []),
      ...parts.files,
    ],
    prepare: [LOCKS_STEP],
    units: [...(server?.units ?? []), ...parts.units],
  });
}

/** Where a backup is made on one member, the others' files and their primary are reached by this one's server. */
function peerServer(settings: PgbackrestSettings) {
  const tls = nodeTlsFiles("pgbackrest", {
    owner: "postgres",
    onRenewal: reload(SERVER_UNIT),
    onNewAuthority: reload(SERVER_UNIT),
  });
  return {
    directories: [...tls.directories, directory(PEERS, { group: "postgres", mode: "0750" })],
    files: [
      ...tls.files,
      file(`${PEERS}/members.conf`, peersConfiguration(settings), { group: "postgres", mode: "0640" }),
      file(`/etc/systemd/system/${SERVER_UNIT}`, SERVER, { onChange: restart(SERVER_UNIT) }),
    ],
    units: [running(SERVER_UNIT)],
  };
}

const SERVER = unitFile({
  Unit: { Description: "pgBackRest for the cluster's other members", After: "network-online.target" },
  Service: {
    User: "postgres",
    ExecStart: "/usr/bin/pgbackrest server",
    ExecReload: "/bin/kill -HUP $MAINPID",
    Restart: "always",
    RestartSec: 2,
  },
  Install: { WantedBy: "multi-user.target" },
});

/** What a machine needs to read the repository alone: it restores and makes no backups. */
export type ReaderSettings = Pick<PgbackrestSettings, "stanza" | "postgresVersion" | "repository" | "cores">;

export type { RepositoryNumber };

/** Reads the repository of a cluster, for a machine that a backup is restored to. */
export function pgbackrestReader(settings: ReaderSettings): RoleManifest {
  return role("pgbackrest", {
    packages: PGBACKREST_PACKAGES,
    directories: [
      directory("/etc/pgbackrest", { group: "postgres", mode: "0750" }),
      directory(BACKUP_SPOOL, { owner: "postgres", mode: "0750" }),
      directory(TLS),
    ],
    files: [
      ...authorityFiles({ ...settings, second: null }),
      file(CONFIGURATION, readerConfiguration(settings), { group: "postgres", mode: "0640" }),
      file("/etc/tmpfiles.d/phasewise-pgbackrest.conf", LOCKS_FOLDER),
    ],
    prepare: [LOCKS_STEP],
  });
}

interface Stanza extends Pick<PgbackrestSettings, "stanza"> {
  /** How many there are; one if left out. */
  repositories?: number;
}

/** A shell command that succeeds where one does for every repository. */
function inEach(repositories: number, command: (number: number) => string): string {
  return Array.from({ length: repositories }, (_, index) => command(index + 1)).join(" && ");
}

/**
 * Creates the cluster's place in each repository; for the leader's machine once PostgreSQL runs there. Until then
 * PostgreSQL keeps its log and tries again, so nothing is lost. Each of its tries holds pgBackRest's lock for a moment:
 * 50 is what pgBackRest ends with where somebody else has it.
 */
export function pgbackrestStanzaStep({ stanza, repositories = 1 }: Stanza): Step {
  return {
    name: `backup repository of ${stanza}`,
    // Status 0 is "ok", 2 "no valid backups": in both cases the stanza is there.
    probe: inEach(
      repositories,
      (number) => `${backupInfoCommand(stanza, number)} | grep -Eq '"status":\\{"code":(0|2),'`,
    ),
    act: `for attempt in $(seq 60); do
  runuser -u postgres -- pgbackrest --stanza=${stanza} stanza-create && exit 0
  code=$?
  [ "$code" -eq 50 ] || exit "$code"
  sleep 0.5
done
exit "$code"`,
  };
}

/**
 * Begins the first full backup, and does not wait for it; for the leader's machine once there is a repository. The
 * timers make all later ones. A repository that comes later gets its full one with a differential one of the other:
 * there is nothing that it could differ from.
 */
export function pgbackrestFirstBackupStep({ stanza, repositories = 1 }: Stanza): Step {
  const hasBackup = (number: number) =>
    `${backupInfoCommand(stanza, number)} | grep -Eq '"status":\\{"code":0,'`;
  const start = (type: "full" | "diff") => `systemctl start --no-block ${backupUnit(type)}`;
  const making = `systemctl show --property=ActiveState ${backupUnit("full")} ${backupUnit("diff")}`;
  return {
    name: `first backup of ${stanza}`,
    probe: `${inEach(repositories, hasBackup)} || ${making} | grep -q =activating`,
    act:
      repositories === 1
        ? start("full")
        : `if ${hasBackup(1)} || ${hasBackup(2)}; then ${start("diff")}; else ${start("full")}; fi`,
  };
}
