import { directory, file, iniSection, lines, role, running } from "./build.ts";
import type { ManagedFile, RoleManifest, Step } from "./manifest.ts";
import { BACKUP_SPOOL, LIBEXEC, PORTS, POSTGRES_SOCKET, postgresData, TLS } from "./paths.ts";
import { SECRETS, secret } from "./secrets.ts";
import { unitFile } from "./unit.ts";

export interface PgbackrestSettings {
  /** Name of the cluster in the repository. */
  stanza: string;
  postgresVersion: number;
  repository: {
    /** Host name or address of the S3 service, without a scheme. */
    endpoint: string;
    port: number;
    region: string;
    bucket: string;
    /** Whether its certificate comes from an authority of its own (secret `backup-ca-certificate`). */
    ownAuthority: boolean;
  };
  retentionDays: number;
  /** UTC, as "02:00". */
  time: string;
  /** The day of the full backup; every other day has a differential one. */
  fullOn: Weekday;
  cores: number;
  volumeBytes: number;
}

export type Weekday = "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";

/** As systemd's calendar writes them, in its order. */
const WEEKDAYS: Record<Weekday, string> = {
  monday: "Mon",
  tuesday: "Tue",
  wednesday: "Wed",
  thursday: "Thu",
  friday: "Fri",
  saturday: "Sat",
  sunday: "Sun",
};

export const PGBACKREST_PACKAGES = ["pgbackrest"];

const CONFIGURATION = "/etc/pgbackrest/pgbackrest.conf";
const CA = `${TLS}/backup-ca.pem`;
const LOCKS = "/run/pgbackrest";
const SCRIPT = `${LIBEXEC}/backup`;
const VERIFY_SCRIPT = `${LIBEXEC}/backup-verify`;
/** Reads all that the repository holds and compares it with its checksums; does nothing on a standby. */
export const VERIFY_UNIT = "phasewise-backup-verify.service";
const MB = 1024 ** 2;
const LOCKS_FOLDER = `d ${LOCKS} 0750 postgres postgres -\n`;
const LOCKS_STEP: Step = {
  name: "backup locks",
  probe: `[ -d ${LOCKS} ]`,
  act: "systemd-tmpfiles --create phasewise-pgbackrest.conf",
};

/** The unit that makes a backup now; it does nothing on a standby. */
export function backupUnit(type: "full" | "diff"): string {
  return `phasewise-backup@${type}.service`;
}

/**
 * Prints what the repository holds as JSON: run on a machine with this role, as root. See `newestBackup`. Where the
 * storage does not answer, it says so after 20 s (measured: 9.5 times the I/O timeout).
 */
export function backupInfoCommand(stanza: string): string {
  return `runuser -u postgres -- pgbackrest --stanza=${stanza} --io-timeout=2 --output=json info`;
}

/**
 * Backups and the archive of the write-ahead log in an object storage: encrypted, compressed, a full one
 * each week and a differential one each other day, made by whoever is the primary then.
 */
export function pgbackrest(settings: PgbackrestSettings): RoleManifest {
  const { ownAuthority } = settings.repository;
  return role("pgbackrest", {
    packages: PGBACKREST_PACKAGES,
    hold: PGBACKREST_PACKAGES,
    directories: [
      directory("/etc/pgbackrest", { group: "postgres", mode: "0750" }),
      directory(BACKUP_SPOOL, { owner: "postgres", mode: "0750" }),
      directory(LIBEXEC),
    ],
    files: [
      ...(ownAuthority ? [file(CA, secret(SECRETS.backupCaCertificate))] : []),
      file(CONFIGURATION, configuration(settings), { group: "postgres", mode: "0640" }),
      file("/etc/tmpfiles.d/phasewise-pgbackrest.conf", LOCKS_FOLDER),
      file(SCRIPT, script(settings), { mode: "0755" }),
      file("/etc/systemd/system/phasewise-backup@.service", SERVICE),
      timer("full", settings.time, [settings.fullOn]),
      timer("diff", settings.time, otherDays(settings.fullOn)),
      file(VERIFY_SCRIPT, verifyScript(settings), { mode: "0755" }),
      file(`/etc/systemd/system/${VERIFY_UNIT}`, VERIFY_SERVICE),
      verifyTimer(settings),
    ],
    prepare: [LOCKS_STEP],
    units: [
      running("phasewise-backup-full.timer"),
      running("phasewise-backup-diff.timer"),
      running("phasewise-backup-verify.timer"),
    ],
  });
}

/** What a machine needs to read the repository alone: it restores and makes no backups. */
export type ReaderSettings = Pick<PgbackrestSettings, "stanza" | "postgresVersion" | "repository" | "cores">;

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
      ...(settings.repository.ownAuthority ? [file(CA, secret(SECRETS.backupCaCertificate))] : []),
      file(CONFIGURATION, readerConfiguration(settings), { group: "postgres", mode: "0640" }),
      file("/etc/tmpfiles.d/phasewise-pgbackrest.conf", LOCKS_FOLDER),
    ],
    prepare: [LOCKS_STEP],
  });
}

/**
 * Creates the cluster's place in the repository; for the leader's machine once PostgreSQL runs there. Until then
 * PostgreSQL keeps its log and tries again, so nothing is lost. Each of its tries holds pgBackRest's lock for a moment:
 * 50 is what pgBackRest ends with where somebody else has it.
 */
export function pgbackrestStanzaStep({ stanza }: Pick<PgbackrestSettings, "stanza">): Step {
  return {
    name: `backup repository of ${stanza}`,
    // Status 0 is "ok", 2 "no valid backups": in both cases the stanza is there.
    probe: `${backupInfoCommand(stanza)} | grep -Eq '"status":\\{"code":(0|2),'`,
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
 * timers make all later ones.
 */
export function pgbackrestFirstBackupStep({ stanza }: Pick<PgbackrestSettings, "stanza">): Step {
  const making = `systemctl show --property=ActiveState ${backupUnit("full")} ${backupUnit("diff")}`;
  return {
    name: `first backup of ${stanza}`,
    probe: `${backupInfoCommand(stanza)} | grep -Eq '"status":\\{"code":0,' || ${making} | grep -q =activating`,
    act: `systemctl start --no-block ${backupUnit("full")}`,
  };
}

/**
 * Docs: pgbackrest.org/configuration.html. Bundles and block increments make few objects and small differential
 * backups; asynchronous archiving sends several segments at once. The queue's limit weighs two evils: past it the
 * log is dropped, with an alarm, and restores end there, but a storage that is gone for long never fills the
 * volume and stops the database. The I/O timeout counts many times over before pgBackRest gives up (check: 19 times):
 * with the default of 60 s a storage that is down is reported after 20 minutes.
 */
function configuration(settings: PgbackrestSettings): string {
  const { repository, retentionDays, cores, volumeBytes } = settings;
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
      "archive-async": "y",
      "spool-path": BACKUP_SPOOL,
      "archive-push-queue-max": `${Math.floor((volumeBytes * 0.4) / MB)}MiB`,
      "lock-path": LOCKS,
      "log-level-console": "warn",
      "log-level-file": "off",
      "log-timestamp": "n",
    }),
    iniSection("global:backup", { "log-level-console": "info" }),
    iniSection("global:archive-push", { "process-max": 2 }),
    iniSection("global:archive-get", { "process-max": 2 }),
    stanza(settings),
  ].join("\n");
}

function readerConfiguration(settings: ReaderSettings): string {
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
    ...(repository.ownAuthority ? { "repo1-storage-ca-file": CA } : {}),
    "repo1-cipher-type": "aes-256-cbc",
    "repo1-cipher-pass": secret(SECRETS.backupCipher),
  };
}

/** Only the primary makes backups; a standby's timer ends well, having said so. */
function script({ stanza }: PgbackrestSettings): string {
  return lines(
    "#!/bin/sh",
    "set -eu",
    `standby=$(psql -h ${POSTGRES_SOCKET} -d postgres -XAtc 'SELECT pg_is_in_recovery()')`,
    'if [ "$standby" = t ]; then',
    '  echo "This machine is a standby: the primary makes the backup."',
    "  exit 0",
    "fi",
    `exec pgbackrest --stanza=${stanza} --type="$1" backup`,
  );
}

const SERVICE = unitFile({
  Unit: {
    Description: "Backup of PostgreSQL (%i)",
    After: "patroni.service network-online.target",
    Wants: "network-online.target",
  },
  Service: {
    Type: "oneshot",
    User: "postgres",
    ExecStart: `${SCRIPT} %i`,
    Nice: 10,
    IOSchedulingPriority: 7,
    TimeoutStartSec: "12h",
  },
});

/** Exit codes of `verify` tell only that it could run: what it found is in its words. */
function verifyScript({ stanza }: PgbackrestSettings): string {
  return lines(
    "#!/bin/sh",
    "set -eu",
    `standby=$(psql -h ${POSTGRES_SOCKET} -d postgres -XAtc 'SELECT pg_is_in_recovery()')`,
    'if [ "$standby" = t ]; then',
    '  echo "This machine is a standby: the primary looks through the repository."',
    "  exit 0",
    "fi",
    `found=$(pgbackrest --stanza=${stanza} --output=text --verbose verify)`,
    `printf '%s\n' "$found"`,
    `printf '%s\n' "$found" | grep -q '^status: ok'`,
  );
}

const VERIFY_SERVICE = unitFile({
  Unit: {
    Description: "Check of all that the backups' repository holds",
    After: "patroni.service network-online.target",
    Wants: "network-online.target",
  },
  Service: {
    Type: "oneshot",
    User: "postgres",
    ExecStart: VERIFY_SCRIPT,
    Nice: 15,
    IOSchedulingPriority: 7,
    TimeoutStartSec: "24h",
  },
});

/** On the day after the full backup, three hours after the time of backups. */
function verifyTimer({ fullOn, time: at }: Pick<PgbackrestSettings, "fullOn" | "time">): ManagedFile {
  const days = Object.values(WEEKDAYS);
  const day = days[(Object.keys(WEEKDAYS).indexOf(fullOn) + 1) % days.length]!;
  const [hour = "0", minute = "00"] = at.split(":");
  const later = String((Number(hour) + 3) % 24).padStart(2, "0");
  return file(
    "/etc/systemd/system/phasewise-backup-verify.timer",
    unitFile({
      Unit: { Description: "Time of the weekly check of the backups" },
      Timer: {
        OnCalendar: `${day} *-*-* ${later}:${minute}:00 UTC`,
        Persistent: "yes",
        AccuracySec: "1min",
        Unit: VERIFY_UNIT,
      },
      Install: { WantedBy: "timers.target" },
    }),
  );
}

function otherDays(day: Weekday): Weekday[] {
  return (Object.keys(WEEKDAYS) as Weekday[]).filter((other) => other !== day);
}

/** A run that was missed while the machine was off is made up for. */
function timer(type: "full" | "diff", time: string, days: Weekday[]): ManagedFile {
  return file(
    `/etc/systemd/system/phasewise-backup-${type}.timer`,
    unitFile({
      Unit: { Description: `Time of the ${type} backup` },
      Timer: {
        OnCalendar: `${days.map((day) => WEEKDAYS[day]).join(",")} *-*-* ${time}:00 UTC`,
        Persistent: "yes",
        AccuracySec: "1s",
        Unit: backupUnit(type),
      },
      Install: { WantedBy: "timers.target" },
    }),
  );
}
