import { z } from "zod";
import { EVICTION_POLICIES } from "../../roles/redis.ts";
import { largestRedisMemoryMb, redisDiskGb } from "../../roles/redisMemory.ts";
import { findServerType } from "../hetzner/catalogue.ts";
import { describe, type Fault } from "./fault.ts";
import { oneOf, trueOrFalse, wholeNumber } from "./fields.ts";
import type { Settings } from "./settings.ts";

/** The cache of a stack: what its file says, and what must fit together. */

export const redis = z
  .strictObject({
    enabled: trueOrFalse().default(false),
    memoryMb: wholeNumber(16, 262_144, "(MB)").default(256),
    evictionPolicy: oneOf(EVICTION_POLICIES).default("allkeys-lru"),
  })
  .prefault({});

/** In phase 1 the machine holds the database too; in every later one it does not. */
export function redisFitsTheMachine({ settings }: { settings: Partial<Settings> }): Fault[] {
  const { redis: wanted, server, phase } = settings;
  const type = server && findServerType(server.type);
  if (!wanted?.enabled || !type || phase === undefined) return [];
  const holdsDatabase = phase === 1;
  const most = largestRedisMemoryMb({ memoryMb: type.memoryGb * 1024, holdsDatabase });
  if (wanted.memoryMb <= most) return [];
  const beside = holdsDatabase ? "beside PostgreSQL" : "beside its own copy for saving";
  return [
    {
      path: "phasewise:redis.memoryMb",
      found: describe(wanted.memoryMb),
      allowed: `${most} (MB) at most on a ${type.name}, which has ${type.memoryGb} GB: that much fits ${beside}`,
      fix: `set it to ${most} or less, or take a larger server.type`,
    },
  ];
}

/** A fifth of the volume is for Redis: the rest is the database's, with its log. */
export function redisFitsTheVolume({ settings }: { settings: Partial<Settings> }): Fault[] {
  const { redis: wanted, volume } = settings;
  if (!wanted?.enabled || !volume) return [];
  const needed = redisDiskGb(wanted.memoryMb);
  if (needed * 5 <= volume.sizeGb) return [];
  return [
    {
      path: "phasewise:redis.memoryMb",
      found: `${describe(wanted.memoryMb)}, whose file takes up to ${needed} GB`,
      allowed: `a fifth of the volume at most, which has ${volume.sizeGb} GB`,
      fix: `set volume.sizeGb to ${needed * 5} or more, or redis.memoryMb to ${Math.floor(volume.sizeGb / 5) * 256} or less`,
    },
  ];
}
