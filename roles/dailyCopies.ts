import { file, lines } from "./build.ts";
import type { ManagedFile } from "./manifest.ts";
import type { Repository } from "./pgbackrest.ts";
import { SECRETS, secret } from "./secrets.ts";
import { minutesOfDay } from "./timeOfDay.ts";
import { unitFile } from "./unit.ts";

/** What the programs have in common that put an encrypted copy into the stack's bucket each day, by `objectStore.py`. */

export interface CopySettings {
  /** Of the program's own settings and secrets. */
  folder: string;
  repository: Repository;
  /** What the keys of all copies begin with. */
  prefix: string;
  /** UTC, as "02:30". */
  at: string;
}

const authorityOf = (folder: string) => `${folder}/ca.pem`;

/** The part of a program's settings that says where copies go, and when. */
export function copySettings({ at, folder, prefix, repository }: CopySettings) {
  return {
    host: repository.endpoint,
    port: repository.port,
    region: repository.region,
    bucket: repository.bucket,
    prefix,
    ca: repository.ownAuthority ? authorityOf(folder) : null,
    at: minutesOfDay(at),
  };
}

/** A file that only root reads. */
export function secretFile(path: string, content: string): ManagedFile {
  return file(path, content, { mode: "0600" });
}

const STORAGE_KEYS = {
  accessKey: secret(SECRETS.backupAccessKey),
  secretKey: secret(SECRETS.backupSecretKey),
};

/** The storage's keys and the password of the encryption. @param cipher The secret's name. */
export function keyFiles(folder: string, cipher: string): ManagedFile[] {
  return [
    secretFile(`${folder}/storage.json`, `${JSON.stringify(STORAGE_KEYS)}\n`),
    secretFile(`${folder}/cipher.password`, lines(secret(cipher))),
  ];
}

/** The storage's authority, where it has one of its own. */
export function authorityFile({ folder, repository }: CopySettings): ManagedFile[] {
  return repository.ownAuthority
    ? [secretFile(authorityOf(folder), secret(SECRETS.backupCaCertificate))]
    : [];
}

/** A unit's part "Service": one copy, behind what clients wait for. Exit status 75: another one is being made, nothing failed. */
export function copyingService(command: string, timeout: string) {
  return {
    Type: "oneshot",
    ExecStart: command,
    SuccessExitStatus: 75,
    PrivateTmp: "yes",
    UMask: "0077",
    Nice: 10,
    IOSchedulingPriority: 7,
    TimeoutStartSec: timeout,
  };
}

/** Asks each hour whether the day's copy is there; soon after the start too: a new stack has its first within minutes. */
export function dueTimer({
  at,
  description,
  unit,
}: {
  at: string;
  description: string;
  unit: string;
}): string {
  return unitFile({
    Unit: { Description: description },
    Timer: {
      OnActiveSec: "2min",
      OnCalendar: `*-*-* *:${at.split(":")[1]}:00 UTC`,
      AccuracySec: "1s",
      Unit: unit,
    },
    Install: { WantedBy: "timers.target" },
  });
}
