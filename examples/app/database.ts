import { checkServerIdentity } from "node:tls";
import pg from "pg";
import type { Settings } from "./settings.ts";

/** PostgreSQL as an application uses it: one pool for writes, one for reads. */
export interface Database {
  writes: pg.Pool;
  reads: pg.Pool;
  close(): Promise<void>;
}

export function openDatabase(settings: Settings): Database {
  const writes = pool(settings.databaseUrl, settings);
  const reads = pool(settings.databaseReadUrl, settings);
  return {
    writes,
    reads,
    close: async () => {
      await Promise.all([writes.end(), reads.end()]);
    },
  };
}

/**
 * No statement and no connection is waited for longer than a client would wait for its answer. Sockets are kept
 * alive, so that a machine that vanished is noticed.
 */
function pool(url: string, { ca, poolSize }: Settings): pg.Pool {
  const { hostname } = new URL(url);
  const made = new pg.Pool({
    connectionString: withoutQuery(url),
    max: poolSize,
    connectionTimeoutMillis: 3_000,
    query_timeout: 5_000,
    idleTimeoutMillis: 30_000,
    // A gateway that is about to reboot is left in time: rollout waits a minute for that.
    maxLifetimeSeconds: 45,
    keepAlive: true,
    // The driver leaves the name out where the host is an address: the address itself is to be verified then.
    ssl: { ca, checkServerIdentity: (_name, certificate) => checkServerIdentity(hostname, certificate) },
  });
  // A connection that breaks while nobody uses it is taken out of the pool by the pool itself.
  made.on("error", () => {});
  return made;
}

/** The options in the URL are libpq's; here they are given as the driver wants them. */
function withoutQuery(url: string): string {
  const parsed = new URL(url);
  parsed.search = "";
  return parsed.href;
}
