import { REDIS_BACKUP_SETTINGS } from "../../../roles/redisBackup.ts";
import { type CacheBackup, cacheBackupsIn } from "../../cacheBackups/list.ts";
import { type Check, combine, type Finding } from "../check.ts";
import { judgeDailyCopy, lookInEach, madeSince } from "./dailyCopy.ts";

/** Whether each cache has a backup of today, in each repository. */
export const redisBackup: Check = {
  name: "redis-backup",
  async run(world) {
    const { caches, stack } = world.topology;
    // One that was brought up before there were any gets them with its next `up`.
    const backed = caches.filter(({ backupCipher }) => backupCipher !== null);
    if (backed.length < caches.length)
      return { ok: false, detail: "no backups are made of it", fix: `npx phasewise up ${stack}` };
    if (caches.length === 0) return { ok: true, detail: "none" };
    const findings = backed.map(({ machines, name }) =>
      lookInEach(world, {
        of: name,
        fix: fixOf(stack, name),
        read: (store) => cacheBackupsIn(store, name),
        async judge(all, where) {
          const newest = all.at(-1) ?? null;
          const since = newest === null ? await madeSince(world, machines[0]!, REDIS_BACKUP_SETTINGS) : null;
          return [judge({ cache: name, where, newest, since, now: world.now, stack })];
        },
      }),
    );
    return combine((await Promise.all(findings)).flat());
  },
};

function fixOf(stack: string, cache: string): string {
  return (
    `npx phasewise backup ${stack} --cache ${cache} makes one now; ` +
    `npx phasewise logs ${stack} --unit 'phasewise-redis-backup@*' says why there is none`
  );
}

export interface Inspection {
  cache: string;
  /** The repository, where there are several, as ", repository 2". */
  where: string;
  newest: CacheBackup | null;
  /** Where there is none: since when they could have been made. */
  since: Date | null;
  now: Date;
  stack: string;
}

export function judge({ cache, newest, now, since, stack, where }: Inspection): Finding {
  const fix = fixOf(stack, cache);
  const size = `${((newest?.bytes ?? 0) / 1024).toFixed(0)} kB`;
  return judgeDailyCopy({ of: `${cache}${where}`, kind: "backup", newest, size, since, now, fix });
}
