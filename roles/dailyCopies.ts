import { readFileSync } from "node:fs";
import { file, lines } from "./build.ts";
import type { ManagedFile } from "./manifest.ts";
import { TEXTFILES } from "./paths.ts";
import type { Repository } from "./pgbackrest.ts";
import { REPOSITORY_SECRETS, secret } from "./secrets.ts";
import { minutesOfDay } from "./timeOfDay.ts";
import { unitFile } from "./unit.ts";

/** What the programs have in common that put an encrypted copy into the stack's buckets each day, by `dailyCopies.py`. */

/** Where copies go, and after how many days they go from there. */
export interface CopyRepository extends Repository {
  keepDays: number;
}

/** The stack's first repository, and its second one where it has two: numbered so everywhere. */
export type CopyRepositories = [CopyRepository] | [CopyRepository, CopyRepository];

export interface CopySettings {
  /** Of the program's own settings and secrets. */
  folder: string;
  repositories: CopyRepositories;
  /** What the keys of all copies begin with. */
  prefix: string;
  /** UTC, as "02:30". */
  at: string;
}

const SOURCES = ["objectStore.py", "dailyCopies.py"].map((name) => ({
  name,
  text: readFileSync(new URL(`./${name}`, import.meta.url), "utf8"),
}));

/** What a program needs beside itself. */
export function libraryFiles(folder: string): ManagedFile[] {
  return SOURCES.map(({ name, text }) => file(`${folder}/${name}`, text));
}

type RepositoryNumber = keyof typeof REPOSITORY_SECRETS;

function numbered(
  repositories: CopyRepositories,
): { number: RepositoryNumber; repository: CopyRepository }[] {
  return repositories.map((repository, index) => ({ number: index === 0 ? 1 : 2, repository }));
}

const authorityOf = (folder: string, number: RepositoryNumber) =>
  `${folder}/${number === 1 ? "ca" : "second-ca"}.pem`;

/** The part of a program's settings that says where copies go, and when. */
export function copySettings({ at, folder, prefix, repositories }: CopySettings) {
  return {
    repositories: numbered(repositories).map(({ number, repository }) => ({
      host: repository.endpoint,
      port: repository.port,
      region: repository.region,
      bucket: repository.bucket,
      ca: repository.ownAuthority ? authorityOf(folder, number) : null,
      keepDays: repository.keepDays,
    })),
    prefix,
    at: minutesOfDay(at),
    textfiles: TEXTFILES,
  };
}

/** A file that only root reads. */
export function secretFile(path: string, content: string): ManagedFile {
  return file(path, content, { mode: "0600" });
}

/** The storages' keys and the password of the encryption. @param cipher The secret's name. */
export function keyFiles({ folder, repositories }: CopySettings, cipher: string): ManagedFile[] {
  const keys = numbered(repositories).map(({ number }) => ({
    accessKey: secret(REPOSITORY_SECRETS[number].accessKey),
    secretKey: secret(REPOSITORY_SECRETS[number].secretKey),
  }));
  return [
    secretFile(`${folder}/storage.json`, `${JSON.stringify(keys)}\n`),
    secretFile(`${folder}/cipher.password`, lines(secret(cipher))),
  ];
}

/** The storages' authorities, where they have one of their own. */
export function authorityFiles({ folder, repositories }: CopySettings): ManagedFile[] {
  return numbered(repositories)
    .filter(({ repository }) => repository.ownAuthority)
    .map(({ number }) =>
      secretFile(authorityOf(folder, number), secret(REPOSITORY_SECRETS[number].caCertificate)),
    );
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
