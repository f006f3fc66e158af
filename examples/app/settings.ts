import { readFileSync } from "node:fs";

/** Who knows which Redis is the primary of the cache at the moment. */
export interface SentinelSettings {
  /** The name that they know the cache by. */
  master: string;
  addresses: { host: string; port: number }[];
  password: string;
}

/** What the application is told by its environment. */
export interface Settings {
  port: number;
  /** For everything that writes, and for reads that must see the newest. */
  databaseUrl: string;
  /** For reads that may be some seconds old. */
  databaseReadUrl: string;
  /** Null: there is no cache. */
  redisUrl: string | null;
  /** Null: the URL alone says where the cache is. */
  sentinel: SentinelSettings | null;
  /** PEM of the only authority that database and cache are trusted by. */
  ca: string;
  /** Connections of each of the two pools: the pooler in front of PostgreSQL has more of them than this. */
  poolSize: number;
}

/** @throws Error that names every variable that is missing. */
export function settingsFrom(environment: NodeJS.ProcessEnv): Settings {
  const { DATABASE_URL, DATABASE_READ_URL, DATABASE_CA, REDIS_URL, PORT, POOL_SIZE } = environment;
  const needed = { DATABASE_URL, DATABASE_CA };
  const missing = Object.entries(needed).flatMap(([name, value]) => (value ? [] : [name]));
  if (missing.length > 0) throw new Error(`The environment lacks ${missing.join(" and ")}.`);
  return {
    port: Number(PORT ?? 4000),
    databaseUrl: DATABASE_URL!,
    databaseReadUrl: DATABASE_READ_URL || DATABASE_URL!,
    redisUrl: REDIS_URL || null,
    sentinel: sentinelFrom(environment),
    ca: readFileSync(DATABASE_CA!, "utf8"),
    poolSize: Number(POOL_SIZE ?? 5),
  };
}

/** @param environment `REDIS_SENTINELS` is a list, as `10.0.1.11:26379,10.0.1.12:26379`. */
function sentinelFrom({ REDIS_MASTER, REDIS_SENTINELS, REDIS_SENTINEL_PASSWORD }: NodeJS.ProcessEnv) {
  if (!REDIS_SENTINELS || !REDIS_MASTER || !REDIS_SENTINEL_PASSWORD) return null;
  const addresses = REDIS_SENTINELS.split(",").map((each) => {
    const { hostname, port } = new URL(`redis://${each}`);
    return { host: hostname, port: Number(port) };
  });
  return { master: REDIS_MASTER, addresses, password: REDIS_SENTINEL_PASSWORD };
}
