import { readFileSync } from "node:fs";
import { directory, file, lines, role, running } from "./build.ts";
import {
  authorityFiles,
  type CopyRepositories,
  copyingService,
  copySettings,
  dueTimer,
  keyFiles,
  libraryFiles,
  secretFile,
} from "./dailyCopies.ts";
import type { ManagedFile, RoleManifest } from "./manifest.ts";
import { DATA, LIBEXEC, REDIS_DATA, REDIS_SOCKET } from "./paths.ts";
import { REDIS_CLI, REDIS_SENTINELS_FILE } from "./redis.ts";
import { USERS } from "./redisUsers.ts";
import { SECRETS, secret } from "./secrets.ts";
import { unitFile } from "./unit.ts";

export interface RedisBackupSettings {
  /** Of the cache. */
  name: string;
  memoryMb: number;
  /** UTC, as "02:30". */
  time: string;
  repositories: CopyRepositories;
}

/** On every Debian; here so that it is said. */
export const REDIS_BACKUP_PACKAGES = ["gnupg"];
/** Makes a backup on the machine where it is started, whoever is due. */
export const REDIS_BACKUP_UNIT = "phasewise-redis-backup@make.service";
/** What the last restore said: `{keys, kept}`. */
export const REDIS_RESTORE_REPORT = "/run/phasewise-redis-restore.json";
/** Written when the role came to the machine, and when its settings were changed. */
export const REDIS_BACKUP_SETTINGS = "/etc/phasewise/redis-backup/settings.json";

const FOLDER = "/etc/phasewise/redis-backup";
const PROGRAM = `${LIBEXEC}/redis-backup`;
const KEPT = `${DATA}/redis-kept`;
const SOURCE = readFileSync(new URL("./redisBackup.py", import.meta.url), "utf8");

/** The unit that restores the backup of that moment out of that repository, on the machine where it is started. */
export function redisRestoreUnit(stamp: string, repository: number): string {
  return `phasewise-redis-restore@${repository}:${stamp}.service`;
}

/** Where the backups of a cache lie in a bucket. */
export function redisBackupPrefix(cache: string): string {
  return `redis/${cache}/`;
}

/**
 * Daily backups of a cache in the buckets, made by a replica where there is one; and how one is put back. Every machine
 * of the cache asks each hour whether the day's one is there, so that one that failed or was missed is made up for.
 */
export function redisBackup(settings: RedisBackupSettings): RoleManifest {
  return role("redis-backup", {
    packages: REDIS_BACKUP_PACKAGES,
    directories: [directory(FOLDER, { mode: "0700" }), directory(LIBEXEC), directory(KEPT, { mode: "0700" })],
    files: [
      file(PROGRAM, SOURCE, { mode: "0755" }),
      ...libraryFiles(LIBEXEC),
      file(REDIS_BACKUP_SETTINGS, `${JSON.stringify(programSettings(settings), null, 2)}\n`),
      ...keyFiles(copiesOf(settings), SECRETS.redisBackupCipher),
      secretFile(`${FOLDER}/backup.password`, lines(secret(SECRETS.redisBackupPassword))),
      ...authorityFiles(copiesOf(settings)),
      unit("phasewise-redis-backup@.service", MAKE),
      unit("phasewise-redis-restore@.service", RESTORE),
      unit(
        "phasewise-redis-backup.timer",
        dueTimer({
          at: settings.time,
          description: "Whether the backup of Redis is due",
          unit: "phasewise-redis-backup@due.service",
        }),
      ),
    ],
    units: [running("phasewise-redis-backup.timer")],
  });
}

function copiesOf({ name, repositories, time }: RedisBackupSettings) {
  return { folder: FOLDER, repositories, prefix: redisBackupPrefix(name), at: time };
}

function programSettings(settings: RedisBackupSettings) {
  const { memoryMb, name } = settings;
  return {
    cache: name,
    ...copySettings(copiesOf(settings)),
    memoryMb,
    client: REDIS_CLI,
    socket: REDIS_SOCKET,
    user: USERS.backup,
    unit: "redis-server.service",
    data: REDIS_DATA,
    kept: KEPT,
    sentinels: REDIS_SENTINELS_FILE,
    report: REDIS_RESTORE_REPORT,
  };
}

function unit(name: string, content: string): ManagedFile {
  return file(`/etc/systemd/system/${name}`, content);
}

const AFTER = { After: "redis-server.service network-online.target", Wants: "network-online.target" };

const MAKE = unitFile({
  Unit: { Description: "Backup of Redis (%i)", ...AFTER },
  Service: copyingService(`${PROGRAM} %i`, "6h"),
});

/** A unit, so that it goes on where the command that asked for it is lost. */
const RESTORE = unitFile({
  Unit: { Description: "Restore of Redis to %i" },
  Service: {
    Type: "oneshot",
    ExecStart: `${PROGRAM} restore %i`,
    PrivateTmp: "yes",
    UMask: "0077",
    TimeoutStartSec: "6h",
  },
});
