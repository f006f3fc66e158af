/** Where things stand on a machine and on which port they answer: one place for all roles. */

/** Mount point of the data volume. */
export const DATA = "/data";
export const ETCD_DATA = `${DATA}/etcd`;
/** What backups keep on the machine between two runs: the queue of write-ahead log to be sent or just fetched. */
export const BACKUP_SPOOL = `${DATA}/pgbackrest`;
export const TLS = "/etc/phasewise/tls";
/** Certificate of the authority that all machines and endpoints of a stack trust. */
export const CA_FILE = `${TLS}/ca.pem`;
/** Programs that the roles install. */
export const LIBEXEC = "/usr/local/lib/phasewise";
/** Unix sockets of PostgreSQL and of PgBouncer (its console answers there only). */
export const POSTGRES_SOCKET = "/run/postgresql";
export const PGBOUNCER_SOCKET = "/run/pgbouncer";

export const PORTS = {
  ssh: 22,
  pgbouncer: 6432,
  postgres: 5432,
  haproxyPrimary: 5000,
  haproxyReplicas: 5001,
  patroni: 8008,
  etcdClient: 2379,
  etcdPeer: 2380,
} as const;

/** The major version decides the path, so that an upgrade finds its own place beside the old one. */
export function postgresData(version: number): string {
  return `${DATA}/postgresql/${version}/main`;
}

export function postgresBin(version: number): string {
  return `/usr/lib/postgresql/${version}/bin`;
}
