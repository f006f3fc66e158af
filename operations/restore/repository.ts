import { Problem } from "../../toolchain/problem.ts";
import { type Target, targetText } from "./target.ts";

/** A backup that can be restored. */
export interface Backup {
  label: string;
  /** When it was finished: the earliest moment that it can be restored to. */
  finished: Date;
  /** Where it was finished in the log: the earliest place. */
  stopLsn: string;
  /** The size of the database in it, in bytes. */
  bytes: number;
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

interface Info {
  name: string;
  backup: {
    label: string;
    error?: boolean | null;
    timestamp: { stop: number };
    lsn: { stop: string };
    info: { size: number };
  }[];
}

/** @param json Of `pgbackrest info --output=json`. */
export function parseRepository(json: string, stanza: string): Repository {
  const info = (JSON.parse(json) as Info[]).find((one) => one.name === stanza);
  const backups = (info?.backup ?? [])
    .filter(({ error }) => error !== true)
    .map(({ label, timestamp, lsn, info: { size } }) => ({
      label,
      finished: new Date(timestamp.stop * 1000),
      stopLsn: lsn.stop,
      bytes: size,
    }))
    .sort((a, b) => a.finished.getTime() - b.finished.getTime());
  return { backups };
}

/**
 * The backup with which a restore begins.
 * @param points The restore points that were written down.
 * @throws Problem (exit 2) for what cannot be restored: no backup yet, before the first one, in the future, an unknown
 * restore point.
 */
export function chooseBackup(
  repository: Repository,
  target: Target,
  points: readonly RestorePoint[],
  now: Date,
): Backup {
  const [first] = repository.backups;
  const last = repository.backups.at(-1);
  if (first === undefined || last === undefined) {
    throw refused("There is no backup yet.", [
      "npx phasewise backup makes one; npx phasewise backups lists them.",
    ]);
  }
  if (target.type === "latest") return last;
  if (target.type === "time" && target.time > now) throw outside(target, first, "is in the future");
  const point = target.type === "name" ? pointOf(target.name, points) : null;
  const usable = repository.backups.filter(({ finished, stopLsn }) => {
    if (target.type === "time") return finished <= target.time;
    return compareLsn(stopLsn, point?.lsn ?? (target as { lsn: string }).lsn) <= 0;
  });
  const chosen = usable.at(-1);
  if (chosen === undefined) throw outside(target, first, "is before the oldest backup");
  return chosen;
}

/** Less than 0 where `a` comes first. */
export function compareLsn(a: string, b: string): number {
  const value = (lsn: string) => {
    const [high = "0", low = "0"] = lsn.split("/");
    return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
  };
  const difference = value(a) - value(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/**
 * Bytes that a machine's disk must have for a restore: the database, a fifth more for the log that is replayed and
 * what grows, and what Debian and PostgreSQL themselves take.
 */
export function neededBytes({ bytes }: Pick<Backup, "bytes">): number {
  return Math.ceil(bytes * 1.2) + 5e9;
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

function refused(happened: string, todo: string[]): Problem {
  return new Problem({ happened, left: "Nothing was touched.", todo, exitCode: 2 });
}
