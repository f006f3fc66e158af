import { base } from "./base.ts";
import { data } from "./data.ts";
import { ETCD_PACKAGES } from "./etcd.ts";
import { HAPROXY_PACKAGES } from "./haproxy.ts";
import { patroniPackages } from "./patroni.ts";
import { PGBACKREST_PACKAGES } from "./pgbackrest.ts";
import { PGBOUNCER_PACKAGES } from "./pgbouncer.ts";
import { updates } from "./updates.ts";

/** The PostgreSQL of Debian 13. */
export const POSTGRES_VERSION = 17;

/** Debian packages of all roles, sorted: what a prebaked image holds, so that a first start downloads nothing. */
export function imagePackages(): string[] {
  const all = [
    ...base().packages,
    ...data().packages,
    ...updates().packages,
    ...ETCD_PACKAGES,
    ...HAPROXY_PACKAGES,
    ...PGBOUNCER_PACKAGES,
    ...PGBACKREST_PACKAGES,
    ...patroniPackages(POSTGRES_VERSION),
  ];
  return [...new Set(all)].sort();
}
