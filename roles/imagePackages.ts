import { ALERTS_PACKAGES } from "./alerts/alerts.ts";
import { APPLICATION_PACKAGES } from "./application.ts";
import { base } from "./base.ts";
import { data } from "./data.ts";
import { DUMP_PACKAGES } from "./dump.ts";
import { ETCD_PACKAGES } from "./etcd.ts";
import { EXPORTER_PACKAGES } from "./exporters/packages.ts";
import { HAPROXY_PACKAGES } from "./haproxy.ts";
import { operators } from "./operators.ts";
import { patroniPackages } from "./patroni.ts";
import { PGBACKREST_PACKAGES } from "./pgbackrest.ts";
import { PGBOUNCER_PACKAGES } from "./pgbouncer.ts";
import { REDIS_PACKAGES } from "./redis.ts";
import { REDIS_BACKUP_PACKAGES } from "./redisBackup.ts";
import { SENTINEL_PACKAGES } from "./sentinel.ts";
import { updates } from "./updates.ts";

/** The PostgreSQL of Debian 13. */
export const POSTGRES_VERSION = 17;

/** Debian packages of all roles, sorted: what a prebaked image holds, so that a first start downloads nothing. */
export function imagePackages(): string[] {
  const all = [
    ...base({ overcommit: "never" }).packages,
    ...operators([]).packages,
    ...data().packages,
    ...updates().packages,
    ...APPLICATION_PACKAGES,
    ...DUMP_PACKAGES,
    ...ETCD_PACKAGES,
    ...HAPROXY_PACKAGES,
    ...PGBOUNCER_PACKAGES,
    ...PGBACKREST_PACKAGES,
    ...REDIS_PACKAGES,
    ...REDIS_BACKUP_PACKAGES,
    ...SENTINEL_PACKAGES,
    ...EXPORTER_PACKAGES,
    ...ALERTS_PACKAGES,
    ...patroniPackages(POSTGRES_VERSION),
  ];
  return [...new Set(all)].sort();
}
