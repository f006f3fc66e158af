import { REDIS_BACKUP_SETTINGS } from "../../../roles/redisBackup.ts";
import { type CacheBackup, readCacheBackups } from "../../cacheBackups/list.ts";
import { openRepository } from "../../restore/store.ts";
import type { Cache } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";

/** One is made each day; what failed is tried again each hour, so some hours are left for that. */
const OLDEST_HOURS = 24 + 4;
/** The first one is begun minutes after the start, and tried again each hour. */
const FIRST_HOURS = 2;

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
      const since = newest === null ? await madeSince(world, cache) : null;
      return judge({ cache: cache.name, newest, since, now: world.now, stack });
    });
    return combine(await Promise.all(findings));
  },
};

/** When the machines learned to make backups. */
async function madeSince(world: World, cache: Cache): Promise<Date> {
  const machine = world.topology.machines.find(({ name }) => name === cache.machines[0])!;
  return new Date(Number((await world.run(machine, `stat -c %Y ${REDIS_BACKUP_SETTINGS}`)).trim()) * 1000);
}

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
  const hoursFrom = (moment: Date) => (now.getTime() - moment.getTime()) / 3_600_000;
  if (newest === null) {
    const waiting = since !== null && hoursFrom(since) < FIRST_HOURS;
    return waiting
      ? { ok: true, detail: `${cache}: the first one is yet to be made` }
      : { ok: false, detail: `${cache}: there is no backup`, fix };
  }
  const hours = hoursFrom(new Date(newest.madeAt));
  const age = hours < 1 ? `${Math.round(hours * 60)} minutes` : `${Math.round(hours)} hours`;
  const detail = `${cache}: ${newest.label}, ${(newest.bytes / 1024).toFixed(0)} kB, ${age} old`;
  return hours <= OLDEST_HOURS ? { ok: true, detail } : { ok: false, detail, fix };
}
