/** How many connections the pooler keeps to PostgreSQL, and what PostgreSQL must therefore allow. */

export type Environment = "dev" | "staging" | "production";

export interface PoolSize {
  /** Connections of the application's pool, per database and gateway. */
  size: number;
  /** More of them while clients wait. */
  reserve: number;
}

/** Pool size and overflow by environment: the sizes that the requirements ask for (5/2, 15/5, 30/15). */
export const POOLS: Record<Environment, PoolSize> = {
  dev: { size: 5, reserve: 2 },
  staging: { size: 15, reserve: 5 },
  production: { size: 30, reserve: 15 },
};

export interface PoolPlan {
  application: PoolSize;
  /** Reports and the like must not take the application's place: a third of its size. */
  readonly: PoolSize;
  /** Migrations. */
  owner: PoolSize;
  /** All server connections of one database at one gateway, those that look up passwords included. */
  total: number;
}

/** Divides one database's connections at one gateway among its roles. */
export function poolPlan(pool: PoolSize): PoolPlan {
  const readonly = { size: Math.ceil(pool.size / 3), reserve: 0 };
  const owner = { size: 3, reserve: 0 };
  const lookups = 2;
  const total = pool.size + pool.reserve + readonly.size + owner.size + lookups;
  return { application: pool, readonly, owner, total };
}

/**
 * PostgreSQL's `max_connections`: what two gateways may open for every database (so that a second gateway needs no
 * restart), each with a pooler for writes and one for reads (which the primary serves where no standby can), and 20 for those that come directly: Patroni, backups, monitoring, operators, superuser_reserved.
 */
export function maxConnections(pool: PoolSize, databases: number): number {
  return 2 * 2 * databases * poolPlan(pool).total + 20;
}
