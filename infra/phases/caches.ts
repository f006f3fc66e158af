import { minutesOfDay } from "../../roles/timeOfDay.ts";
import { type Backup, type Cache, SECOND_BUCKET } from "../blueprint.ts";
import type { Config } from "../config.ts";

/** Names of nodes. */
export interface CachePlaces {
  /** The first is the primary at first, the others are its replicas. */
  on: string[];
  gateways: string[];
  /** Who agrees on the primary: an odd number, so that one may be lost; nobody where it is on one node only. */
  sentinels: string[];
}

/** The stack's cache, where its file asks for one. */
export function cachesOf({ backup, redis }: Config, places: CachePlaces): Cache[] {
  if (!redis.enabled) return [];
  const { memoryMb, evictionPolicy } = redis;
  const { retentionDays } = backup;
  return [
    {
      name: "cache",
      ...places,
      memoryMb,
      evictionPolicy,
      backup: {
        bucket: "backups",
        second: secondOf(backup),
        time: halfAnHourAfter(backup.time),
        retentionDays,
      },
    },
  ];
}

/** Where everything goes too that is backed up. */
export function secondOf({ secondRepository }: Config["backup"]): Backup["second"] {
  return secondRepository && { bucket: SECOND_BUCKET, retentionDays: secondRepository.retentionDays };
}

/** When the database's backup is mostly made. Both as "02:00". */
export function halfAnHourAfter(time: string): string {
  const later = (minutesOfDay(time) + 30) % (24 * 60);
  return [Math.floor(later / 60), later % 60].map((part) => String(part).padStart(2, "0")).join(":");
}
