/** Debian's packages of the programs that give a machine's numbers to Prometheus. */
export const NODE_EXPORTER = "prometheus-node-exporter";
export const POSTGRES_EXPORTER = "prometheus-postgres-exporter";
export const PGBOUNCER_EXPORTER = "prometheus-pgbouncer-exporter";
export const REDIS_EXPORTER = "prometheus-redis-exporter";
/** Of the pooler for reads: a unit, not a package. */
export const PGBOUNCER_READ_EXPORTER = "prometheus-pgbouncer-read-exporter";

export const EXPORTER_PACKAGES = [NODE_EXPORTER, POSTGRES_EXPORTER, PGBOUNCER_EXPORTER, REDIS_EXPORTER];
