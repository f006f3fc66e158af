import { readFileSync } from "node:fs";
import { BACKUP_PROGRAM } from "./backupUnits.ts";
import { directory, file, lines, role, running } from "./build.ts";
import type { ManagedFile, RoleManifest } from "./manifest.ts";
import { DATA, LIBEXEC, POSTGRES_SOCKET, postgresBin } from "./paths.ts";
import type { Repository } from "./pgbackrest.ts";
import { SECRETS, secret } from "./secrets.ts";
import { unitFile } from "./unit.ts";

export interface DumpSettings {
  cluster: string;
  postgresVersion: number;
  /** Of this machine. */
  name: string;
  databases: string[];
  /** UTC, as "03:00". */
  at: string;
  keepDays: number;
  /** Connections at once. */
  jobs: number;
  repository: Repository;
}

/** On every Debian; here so that it is said. */
export const DUMP_PACKAGES = ["gnupg"];
/** With its library in a folder of their own: caches bring that, too. */
const PROGRAMS = `${LIBEXEC}/dumps`;
export const DUMP_PROGRAM = `${PROGRAMS}/dump`;
/** Written when the role came to the machine, and when its settings were changed. */
export const DUMP_SETTINGS = "/etc/phasewise/dump/settings.json";
/** Makes the dumps that are due, where they are this machine's to make. */
export const DUMP_UNIT = "phasewise-dump.service";

export const DUMP_TIMER = "phasewise-dump.timer";

const FOLDER = "/etc/phasewise/dump";
const WORK = `${DATA}/dumps`;
const source = (name: string) => readFileSync(new URL(`./${name}`, import.meta.url), "utf8");
const SOURCE = source("dump.py");
const STORE = source("objectStore.py");

/** Where the dumps of a cluster lie in the bucket, each under its database. */
export function dumpPrefix(cluster: string): string {
  return `dumps/${cluster}/`;
}

/**
 * Daily dumps of a cluster's databases in the bucket, made by the member that makes its backups; and how one is put
 * back. Every member asks each hour whether the day's are there, so that what failed or was missed is made up for.
 */
export function dump(settings: DumpSettings): RoleManifest {
  const secretFile = (name: string, content: string) => file(`${FOLDER}/${name}`, content, { mode: "0600" });
  const { ownAuthority } = settings.repository;
  return role("dump", {
    packages: DUMP_PACKAGES,
    directories: [
      directory(FOLDER, { mode: "0700" }),
      directory(LIBEXEC),
      directory(PROGRAMS),
      directory(WORK),
    ],
    files: [
      file(DUMP_PROGRAM, SOURCE, { mode: "0755" }),
      file(`${PROGRAMS}/objectStore.py`, STORE),
      file(DUMP_SETTINGS, `${JSON.stringify(programSettings(settings), null, 2)}\n`),
      secretFile("storage.json", `${JSON.stringify(STORAGE_KEYS)}\n`),
      secretFile("cipher.password", lines(secret(SECRETS.backupCipher))),
      ...(ownAuthority ? [secretFile("ca.pem", secret(SECRETS.backupCaCertificate))] : []),
      unit(DUMP_UNIT, MAKE),
      unit(DUMP_TIMER, timer(settings.at)),
    ],
    units: [running(DUMP_TIMER)],
  });
}

const STORAGE_KEYS = {
  accessKey: secret(SECRETS.backupAccessKey),
  secretKey: secret(SECRETS.backupSecretKey),
};

function programSettings({
  at,
  cluster,
  databases,
  jobs,
  keepDays,
  name,
  postgresVersion,
  repository,
}: DumpSettings) {
  const [hour = 0, minute = 0] = at.split(":").map(Number);
  return {
    name,
    databases,
    host: repository.endpoint,
    port: repository.port,
    region: repository.region,
    bucket: repository.bucket,
    prefix: dumpPrefix(cluster),
    ca: repository.ownAuthority ? `${FOLDER}/ca.pem` : null,
    at: hour * 60 + minute,
    keepDays,
    jobs,
    socket: POSTGRES_SOCKET,
    bin: postgresBin(postgresVersion),
    work: WORK,
    maker: BACKUP_PROGRAM,
  };
}

function unit(name: string, content: string): ManagedFile {
  return file(`/etc/systemd/system/${name}`, content);
}

/** 75: another one is being made, and nothing failed. */
const MAKE = unitFile({
  Unit: {
    Description: "Dumps of PostgreSQL's databases",
    After: "patroni.service network-online.target",
    Wants: "network-online.target",
  },
  Service: {
    Type: "oneshot",
    ExecStart: `${DUMP_PROGRAM} due`,
    SuccessExitStatus: 75,
    PrivateTmp: "yes",
    UMask: "0077",
    Nice: 10,
    IOSchedulingPriority: 7,
    TimeoutStartSec: "12h",
  },
});

/** Soon after the start too: a new stack has its first dumps within minutes. */
function timer(at: string): string {
  return unitFile({
    Unit: { Description: "Whether dumps of PostgreSQL are due" },
    Timer: {
      OnActiveSec: "2min",
      OnCalendar: `*-*-* *:${at.split(":")[1]}:00 UTC`,
      AccuracySec: "1s",
      Unit: DUMP_UNIT,
    },
    Install: { WantedBy: "timers.target" },
  });
}
