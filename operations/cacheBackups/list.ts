import type { Topology } from "../../infra/topology.ts";
import { redisBackupPrefix } from "../../roles/redisBackup.ts";
import { Problem } from "../../toolchain/problem.ts";
import { type InRepositories, type ReadOptions, readCopies } from "../copies/repositories.ts";
import { momentOf } from "../copies/stamp.ts";
import type { Kept } from "../restore/kept.ts";
import type { Cache } from "../topology.ts";

/** A backup of a cache, as a bucket shows it. */
export interface CacheBackup {
  /** The moment as its name has it: 20261121T023000Z. */
  label: string;
  /** The same as ISO 8601. */
  madeAt: string;
  /** Compressed and encrypted. */
  bytes: number;
}

const NAME = /^(\d{8}T\d{6}Z)\.rdb\.gpg$/;

/** What one repository holds of a cache, the oldest first. */
export async function cacheBackupsIn(store: Pick<Kept, "entries">, cache: string): Promise<CacheBackup[]> {
  return parseCacheBackups(await store.entries(redisBackupPrefix(cache)), cache);
}

/** What the repositories hold of a cache, the oldest first. @throws as `readCopies`. */
export async function readCacheBackups(
  topology: Topology,
  cache: string,
  options: ReadOptions,
): Promise<InRepositories<CacheBackup>[]> {
  return readCopies(
    topology,
    (store) => cacheBackupsIn(store, cache),
    ({ label }) => label,
    options,
  );
}

/** Keys that are no backup's are left out. */
export function parseCacheBackups(entries: { key: string; bytes: number }[], cache: string): CacheBackup[] {
  const prefix = redisBackupPrefix(cache);
  const found = entries.flatMap(({ bytes, key }) => {
    const label = key.startsWith(prefix) ? NAME.exec(key.slice(prefix.length))?.[1] : undefined;
    return label === undefined ? [] : [{ label, madeAt: momentOf(label), bytes }];
  });
  return found.sort((a, b) => a.label.localeCompare(b.label));
}

/**
 * The backup that `--to` means: `latest`, a backup's label, or a time (ISO 8601), which means the newest one until then.
 * @throws Problem (exit 2) where there is none.
 */
export function chooseCacheBackup<T extends CacheBackup>(backups: T[], to: string, stack: string): T {
  const found = to === "latest" ? backups.at(-1) : backups.findLast(matching(to, stack));
  if (found) return found;
  const [oldest] = backups;
  throw new Problem({
    happened: oldest
      ? `There is no backup of ${to}: the oldest is ${oldest.label}, the newest ${backups.at(-1)!.label}.`
      : "There is no backup of this cache.",
    left: "Nothing was touched.",
    todo: [
      oldest
        ? `npx phasewise backups ${stack} lists them`
        : `npx phasewise backup ${stack} --cache <name> makes one`,
    ],
    exitCode: 2,
  });
}

/** Whether `--to` means a backup or an earlier one: by its label, or by a time until which it was made. */
export function matching(
  to: string,
  stack: string,
): (backup: Pick<CacheBackup, "label" | "madeAt">) => boolean {
  if (/^\d{8}T\d{6}Z$/.test(to)) return ({ label }) => label === to;
  const time = /^\d{4}-\d\d-\d\d/.test(to) ? Date.parse(withZone(to)) : Number.NaN;
  if (!Number.isNaN(time)) return ({ madeAt }) => Date.parse(madeAt) <= time;
  throw new Problem({
    happened: `"${to}" is neither latest, nor a backup's name (20261121T023000Z), nor a time (2026-11-21T09:30:00Z).`,
    left: "Nothing was touched.",
    todo: [`npx phasewise backups ${stack} lists the backups`],
    exitCode: 2,
  });
}

/** UTC unless it says otherwise. */
function withZone(time: string): string {
  const text = time.replace(" ", "T");
  if (!text.includes("T") || /(Z|[+-]\d\d:?\d\d)$/.test(text)) return text;
  return `${text}Z`;
}

/** @throws Problem (exit 2) where the stack has no such cache. */
export function cacheNamed({ caches, stack }: Topology, name: string): Cache {
  const found = caches.find((cache) => cache.name === name);
  if (found) return found;
  throw new Problem({
    happened:
      caches.length === 0 ? `${stack} has no cache that is turned on.` : `${stack} has no cache "${name}".`,
    left: "Nothing was touched.",
    todo: [
      caches.length === 0
        ? `Write phasewise:redis: {enabled: true} into its file and run npx phasewise up ${stack}.`
        : `Give --cache ${caches.map((cache) => cache.name).join(" or ")}.`,
    ],
    exitCode: 2,
  });
}
