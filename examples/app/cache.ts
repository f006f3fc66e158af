import { checkServerIdentity } from "node:tls";
import { Redis } from "ioredis";
import type { Settings } from "./settings.ts";

/** Answers that need not be computed again for some seconds. Without a cache, or where it is away, they are. */
export interface Cache {
  remembered<T>(key: string, seconds: number, compute: () => Promise<T>): Promise<T>;
  close(): void;
}

export function openCache({ redisUrl, ca }: Settings): Cache {
  if (redisUrl === null) return { remembered: (_key, _seconds, compute) => compute(), close: () => {} };
  const { hostname } = new URL(redisUrl);
  const redis = new Redis(redisUrl, {
    // A cache that has to be waited for is none.
    commandTimeout: 200,
    connectTimeout: 1_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    tls: { ca, checkServerIdentity: (_name, certificate) => checkServerIdentity(hostname, certificate) },
  });
  // It connects again by itself; until then everything is computed.
  redis.on("error", () => {});
  return {
    async remembered(key, seconds, compute) {
      const found = await redis.get(key).catch(() => null);
      if (found !== null) return JSON.parse(found);
      const value = await compute();
      await redis.set(key, JSON.stringify(value), "EX", seconds).catch(() => null);
      return value;
    },
    close: () => redis.disconnect(),
  };
}
