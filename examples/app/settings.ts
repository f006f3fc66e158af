import { readFileSync } from "node:fs";

/** What the application is told by its environment. */
export interface Settings {
  port: number;
  /** For everything that writes, and for reads that must see the newest. */
  databaseUrl: string;
  /** For reads that may be some seconds old. */
  databaseReadUrl: string;
  /** Null: there is no cache. */
  redisUrl: string | null;
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
    ca: readFileSync(DATABASE_CA!, "utf8"),
    poolSize: Number(POOL_SIZE ?? 5),
  };
}
