import { stanzaInfo, unreadableBecause } from "../../roles/backupInfo.ts";
import { Problem } from "../../toolchain/problem.ts";
import { compareLsn } from "./lsn.ts";
import { type Target, targetText } from "./target.ts";
import { type Branch, backupsTo, momentOf } from "./timelines.ts";

/** A backup that can be restored. */
export interface Backup {
  label: string;
  /** When it was finished: the earliest moment that it can be restored to. */
  finished: Date;
  /** Where it was finished in the log: the earliest place. */
  stopLsn: string;
  /** The size of the database in it, in bytes. */
  bytes: number;
  /** The line of history on which it was made. */
  timeline: number;
}

/** What a repository holds of a cluster: whole backups, the oldest first. */
export interface Repository {
  backups: Backup[];
}

/** A restore point as it was written down when it was made. */
export interface RestorePoint {
  name: string;
  time: Date;
  lsn: string;
}

/**
 * @param json Of `pgbackrest info --output=json`.
 * @throws Problem (exit 2) where the repository cannot be read: with another key than it was written with, most of all.
 */
export function parseRepository(json: string, stanza: string): Repository {
  const info = stanzaInfo(json, stanza);
  const fault = info ? unreadableBecause(info) : null;
  if (fault !== null) throw unreadable(fault);
  return { backups: finishedBackups(info?.backup ?? []) };
}

/** A backup as pgBackRest lists it. */
interface Listed {
  label: string;
  error?: boolean | null;
  /** Seconds since 1970. */
  timestamp: { stop: number };
  lsn: { stop: string };
  archive?: { start: string | null };
  /** In bytes. */
  info: { size: number };
}

/** Those that can be restored, the oldest first. */
export function finishedBackups(listed: readonly Listed[]): Backup[] {
  return listed
    .filter(({ error }) => error !== true)
    .map(({ archive, label, timestamp, lsn, info: { size } }) => ({
      label,
      finished: new Date(timestamp.stop * 1000),
      stopLsn: lsn.stop,
      bytes: size,
      // The first eight digits of a segment's name.
      timeline: Number.parseInt(archive?.start?.slice(0, 8) ?? "1", 16),
    }))
    .sort((a, b) => a.finished.getTime() - b.finished.getTime());
}

/** What pgBackRest says against a repository; nothing where all is well. @param json Of `pgbackrest info`. */
export function repositoryFaults(json: string, stanza: string): string[] {
  const info = stanzaInfo(json, stanza);
  if (info === undefined) return [`the repository knows no ${stanza}`];
  const fault = unreadableBecause(info);
  if (fault !== null) return [fault];
  return info.status === undefined || info.status.code === 0 ? [] : [info.status.message];
}

/**
 * The backup with which a restore begins.
 * @param points The restore points that were written down.
 * @param more.branches The restores in place that were made.
 * @param more.end Where the log ends now; null where nobody can tell.
 * @throws Problem (exit 2) for what cannot be restored: no backup yet, before the first one, in the future, an unknown
 * restore point.
 */
export function chooseBackup(
  repository: Repository,
  target: Target,
  points: readonly RestorePoint[],
  now: Date,
  more: { branches?: readonly Branch[]; end?: string | null } = {},
): Backup {
  const { branches = [], end = null } = more;
  const backups = backupsTo(momentOf(target, points), repository.backups, branches);
  const [first] = backups;
  const last = backups.at(-1);
  if (first === undefined || last === undefined) {
    throw refused("There is no backup yet.", [
      "npx phasewise backup makes one; npx phasewise backups lists them.",
    ]);
  }
  if (target.type === "latest") return last;
  if (target.type === "time" && target.time > now) throw outside(target, first, "is in the future");
  if (target.type === "lsn" && end !== null && compareLsn(target.lsn, end) > 0)
    throw refused(`Nothing can be restored to ${targetText(target)}: the log has not come there yet.`, [
      `Give a place between ${first.stopLsn} (the oldest backup) and ${end} (now), or latest.`,
    ]);
  const point = target.type === "name" ? pointOf(target.name, points) : null;
  const usable = backups.filter(({ finished, stopLsn }) => {
    if (target.type === "time") return finished <= target.time;
    return compareLsn(stopLsn, point?.lsn ?? (target as { lsn: string }).lsn) <= 0;
  });
  const chosen = usable.at(-1);
  if (chosen === undefined) throw outside(target, first, "is before the oldest backup");
  return chosen;
}

/**
 * Bytes that a machine's disk must have for a restore: the database, a fifth more for the log that is replayed and
 * what grows, and what Debian and PostgreSQL themselves take.
 */
export function neededBytes({ bytes }: Pick<Backup, "bytes">): number {
  return Math.ceil(bytes * 1.2) + 5e9;
}

/** Bytes that a volume must have for the restored data itself: the database, and a tenth for the log and what grows. */
export function neededForData(bytes: number): number {
  return Math.ceil(bytes * 1.1) + 256e6;
}

function pointOf(name: string, points: readonly RestorePoint[]): RestorePoint {
  const found = points.find((point) => point.name === name);
  if (found !== undefined) return found;
  const known = points.map((point) => point.name);
  throw refused(`There is no restore point "${name}".`, [
    known.length === 0
      ? "None was made yet: npx phasewise restore-point makes one."
      : `There are: ${known.join(", ")}.`,
  ]);
}

function outside(target: Target, first: Backup, why: string): Problem {
  return refused(`Nothing can be restored to ${targetText(target)}: it ${why}.`, [
    `Give a time between ${first.finished.toISOString()} (the oldest backup) and now, or latest.`,
  ]);
}

/** What another key makes of a file now and then: it is not refused, and what comes out are no characters. */
const GARBLED = /[^\P{C}\t\n]|\uFFFD/gu;

/** Says why a repository cannot be read. @param told What pgBackRest, or what reads its files, said. */
export function unreadable(told: string): Problem {
  const message = told.replace(GARBLED, "?");
  const wrongKey = /Crypto|cipher|decrypt/i.test(message) || message !== told;
  return new Problem({
    happened: wrongKey
      ? "The backups cannot be read: their key is not the one that they were written with."
      : `The backups cannot be read: ${message}`,
    details: wrongKey ? [message] : [],
    left: "Nothing was touched.",
    todo: [
      wrongKey
        ? "Put the right key back: npx phasewise recovery-kit --open shows the one that the kit has, and npx phasewise up brings it to the machines."
        : "npx phasewise verify tells more; the object storage must be reachable and its keys valid.",
    ],
    exitCode: 2,
  });
}

function refused(happened: string, todo: string[]): Problem {
  return new Problem({ happened, left: "Nothing was touched.", todo, exitCode: 2 });
}
