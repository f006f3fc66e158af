import { readFileSync } from "node:fs";
import { BACKUP_PROGRAM } from "./backupUnits.ts";
import { directory, file, role, running } from "./build.ts";
import {
  authorityFiles,
  type CopyRepositories,
  copyingService,
  copySettings,
  dueTimer,
  keyFiles,
  libraryFiles,
} from "./dailyCopies.ts";
import type { ManagedFile, RoleManifest } from "./manifest.ts";
import { DATA, LIBEXEC, POSTGRES_SOCKET, postgresBin } from "./paths.ts";
import { SECRETS } from "./secrets.ts";
import { unitFile } from "./unit.ts";

export interface DumpSettings {
  cluster: string;
  postgresVersion: number;
  /** Of this machine. */
  name: string;
  databases: string[];
  /** UTC, as "03:00". */
  at: string;
  /** Connections at once. */
  jobs: number;
  repositories: CopyRepositories;
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
const SOURCE = readFileSync(new URL("./dump.py", import.meta.url), "utf8");

/** Where the dumps of a cluster lie in a bucket, each under its database. */
export function dumpPrefix(cluster: string): string {
  return `dumps/${cluster}/`;
}

/**
 * Daily dumps of a cluster's databases in the buckets, made by the member that makes its backups; and how one is put
 * back. Every member asks each hour whether the day's are there, so that what failed or was missed is made up for.
 */
export function dump(settings: DumpSettings): RoleManifest {
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
      ...libraryFiles(PROGRAMS),
      file(DUMP_SETTINGS, `${JSON.stringify(programSettings(settings), null, 2)}\n`),
      ...keyFiles(copiesOf(settings), SECRETS.backupCipher),
      ...authorityFiles(copiesOf(settings)),
      unit(DUMP_UNIT, MAKE),
      unit(
        DUMP_TIMER,
        dueTimer({ at: settings.at, description: "Whether dumps of PostgreSQL are due", unit: DUMP_UNIT }),
      ),
    ],
    units: [running(DUMP_TIMER)],
  });
}

function copiesOf({ at, cluster, repositories }: DumpSettings) {
  return { folder: FOLDER, repositories, prefix: dumpPrefix(cluster), at };
}

function programSettings(settings: DumpSettings) {
  const { databases, jobs, name, postgresVersion } = settings;
  return {
    name,
    databases,
    ...copySettings(copiesOf(settings)),
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

const MAKE = unitFile({
  Unit: {
    Description: "Dumps of PostgreSQL's databases",
    After: "patroni.service network-online.target",
    Wants: "network-online.target",
  },
  Service: copyingService(`${DUMP_PROGRAM} due`, "12h"),
});
