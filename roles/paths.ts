/** Where things stand on a machine and on which port they answer: one place for all roles. */

/** Mount point of the data volume. */
export const DATA = "/data";
export const ETCD_DATA = `${DATA}/etcd`;
export const REDIS_DATA = `${DATA}/redis`;
export const SENTINEL_DATA = `${DATA}/sentinel`;
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
export const REDIS_SOCKET = "/run/redis/redis.sock";
export const SENTINEL_SOCKET = "/run/sentinel/sentinel.sock";

/** Numbers that other programs write here are given by the node exporter (Debian's default). */
export const TEXTFILES = "/var/lib/prometheus/node-exporter";

export const PORTS = {
  ssh: 22,
  pgbouncer: 6432,
  pgbouncerRead: 6433,
  postgres: 5432,
  haproxyPrimary: 5000,
  haproxyReplicas: 5001,
  patroni: 8008,
  /** Whether a member may serve reads. */
  readGate: 8010,
  /** Which machine the primary of a cache is on; for the gateway itself only. */
  cacheGate: 8011,
  /** Where the members' and gateways' parts of a planned change of the primary meet; nobody listens otherwise. */
  switchover: 8009,
  etcdClient: 2379,
  etcdPeer: 2380,
  /** Where clients reach a cache on a gateway, whichever machine its primary is on. */
  redis: 6379,
  /** Redis itself. */
  redisServer: 6380,
  sentinel: 26379,
  nodeExporter: 9100,
  redisExporter: 9121,
  pgbouncerExporter: 9127,
  pgbouncerReadExporter: 9128,
  postgresExporter: 9187,
  /** For the machine itself only. */
  prometheus: 9090,
  alertmanager: 9093,
  /** Where the other members of a cluster read this one's files for a backup. */
  pgbackrest: 8432,
} as const;

/** The major version decides the path, so that an upgrade finds its own place beside the old one. */
export function postgresData(version: number): string {
  return `${DATA}/postgresql/${version}/main`;
}

export function postgresBin(version: number): string {
  return `/usr/lib/postgresql/${version}/bin`;
}
