import { HAPROXY_PACKAGES } from "../../roles/haproxy.ts";
import { PGBOUNCER_PACKAGES } from "../../roles/pgbouncer.ts";
import { READS, WRITES } from "../../roles/pgbouncerConfiguration.ts";

/** What runs the programs of a held package, "PostgreSQL" or units: an update is in force after their restart. */
export function unitsOf(name: string): string[] {
  if (/^postgresql-\d+/.test(name)) return ["PostgreSQL"];
  if (name === "patroni") return ["patroni.service"];
  if (name === "etcd-server") return ["etcd.service"];
  if (HAPROXY_PACKAGES.includes(name)) return ["haproxy.service"];
  if (PGBOUNCER_PACKAGES.includes(name)) return [WRITES.unit, READS.unit];
  return [];
}
