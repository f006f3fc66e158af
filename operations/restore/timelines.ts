import { z } from "zod";
import type { Kept } from "./kept.ts";
import { compareLsn } from "./lsn.ts";
import type { Backup } from "./repository.ts";
import type { Target } from "./target.ts";

/**
 * A restore in place, as it was written down: from then on the database went another way, and what was written
 * between its target and that moment belongs to a line of its own.
 */
export interface Branch {
  /** When the restored database began to take writes. */
  at: Date;
  /** The timeline that was in use until then. */
  left: number;
  /** The timeline that the new one goes on from, and where: not the one in use, where the target lay on another. */
  from: number;
  lsn: string;
}

const schema = z.object({
  at: z.coerce.date(),
  left: z.number(),
  from: z.number(),
  lsn: z.string(),
});

const BRANCHES = "phasewise/restores/";

export function branchKey(cluster: string, id: string): string {
  return `${BRANCHES}${cluster}/${id}.json`;
}

/** The restores in place of a cluster, the oldest first. */
export async function readBranches(store: Pick<Kept, "keys" | "get">, cluster: string): Promise<Branch[]> {
  const keys = await store.keys(`${BRANCHES}${cluster}/`);
  const found = await Promise.all(keys.map(async (key) => schema.parse(await store.get(key))));
  return found.sort((a, b) => a.at.getTime() - b.at.getTime());
}

/**
 * The timeline that leads to a target, as PostgreSQL's `recovery_target_timeline` wants it. What was there at a moment
 * is on the line that was in use then: a restore that was made later left it.
 * @param when The target's moment; null for the end of the archive and for places in the log.
 */
export function timelineTo(when: Date | null, branches: readonly Branch[]): string {
  if (when === null) return "latest";
  const left = branches.find(({ at }) => at > when);
  return left === undefined ? "latest" : String(left.left);
}

/** The backups that lie on the way to a target: one that was made on a line that was left later leads elsewhere. */
export function backupsTo(
  when: Date | null,
  backups: readonly Backup[],
  branches: readonly Branch[],
): Backup[] {
  const passed = branches.filter(({ at }) => when === null || at <= when);
  return backups.filter(
    (backup) =>
      !passed.some(
        ({ at, from, lsn }) =>
          backup.finished < at && (backup.timeline > from || compareLsn(backup.stopLsn, lsn) > 0),
      ),
  );
}

/** The moment of a target. @param points The restore points that were written down. */
export function momentOf(target: Target, points: readonly { name: string; time: Date }[]): Date | null {
  if (target.type === "time") return target.time;
  if (target.type === "name") return points.find(({ name }) => name === target.name)?.time ?? null;
  return null;
}
