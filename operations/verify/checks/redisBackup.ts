import { REDIS_BACKUP_SETTINGS } from "../../../roles/redisBackup.ts";
import { type CacheBackup, readCacheBackups } from "../../cacheBackups/list.ts";
import { openRepository } from "../../restore/store.ts";
import { type Check, combine, type Finding } from "../check.ts";
import { judgeDailyCopy, madeSince } from "./dailyCopy.ts";

/** Whether each cache has a backup of today. */
export const redisBackup: Check = {
  name: "redis-backup",
  async run(world) {
    const { caches, stack } = world.topology;
    // One that was brought up before there were any gets them with its next `up`.
    const backed = caches.filter(({ backupCipher }) => backupCipher !== null);
    if (backed.length < caches.length)
      return { ok: false, detail: "no backups are made of it", fix: `npx phasewise up ${stack}` };
    if (caches.length === 0) return { ok: true, detail: "none" };
    using store = openRepository(world.topology.buckets[0]!);
    const findings = backed.map(async (cache) => {
      const newest = (await readCacheBackups(store, cache.name)).at(-1) ?? null;
      const since =
        newest === null ? await madeSince(world, cache.machines[0]!, REDIS_BACKUP_SETTINGS) : null;
      return judge({ cache: cache.name, newest, since, now: world.now, stack });
    });
    return combine(await Promise.all(findings));
  },
};

export interface Inspection {
  cache: string;
  newest: CacheBackup | null;
  /** Where there is none: since when they could have been made. */
  since: Date | null;
  now: Date;
  stack: string;
}

export function judge({ cache, newest, since, now, stack }: Inspection): Finding {
  const fix =
    `npx phasewise backup ${stack} --cache ${cache} makes one now; ` +
    `npx phasewise logs ${stack} --unit 'phasewise-redis-backup@*' says why there is none`;
  const size = `${((newest?.bytes ?? 0) / 1024).toFixed(0)} kB`;
  return judgeDailyCopy({ of: cache, kind: "backup", newest, size, since, now, fix });
}
