import { checkServerIdentity } from "node:tls";
import { Redis, type RedisOptions } from "ioredis";
import type { Settings } from "./settings.ts";

/** Answers that need not be computed again for some seconds. Without a cache, or where it is away, they are. */
export interface Cache {
  remembered<T>(key: string, seconds: number, compute: () => Promise<T>): Promise<T>;
  close(): void;
}

export function openCache(settings: Settings): Cache {
  if (settings.redisUrl === null) {
    return { remembered: (_key, _seconds, compute) => compute(), close: () => {} };
  }
  const redis = new Redis(connectionOptions(settings, settings.redisUrl));
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

/**
 * Where there are Sentinels, they say who the primary is, at each connection and when that changes; where there are
 * none, the URL does. Whoever answers must have a certificate of the stack's authority that names its address.
 */
export function connectionOptions({ ca, sentinel }: Settings, url: string): RedisOptions {
  const { hostname, password, port, username } = new URL(url);
  const common: RedisOptions = {
    username,
    password,
    // A cache that has to be waited for is none.
    commandTimeout: 200,
    connectTimeout: 1_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    // A connection that was led to a primary of yesterday goes; the next one asks again.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
  if (sentinel === null) {
    return {
      ...common,
      host: hostname,
      port: Number(port),
      tls: { ca, checkServerIdentity: (_name, certificate) => checkServerIdentity(hostname, certificate) },
    };
  }
  return {
    ...common,
    name: sentinel.master,
    sentinels: sentinel.addresses,
    sentinelUsername: username,
    sentinelPassword: sentinel.password,
    enableTLSForSentinelMode: true,
    sentinelTLS: { ca },
    tls: { ca },
    // Told of a new primary as soon as there is one, not only when the old one stops to answer.
    failoverDetector: true,
    sentinelCommandTimeout: 1_000,
    sentinelRetryStrategy: (attempt) => Math.min(attempt * 100, 1_000),
  };
}
