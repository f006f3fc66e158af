import { iniSection } from "./build.ts";
import { PGBOUNCER_SOCKET, PORTS, TLS } from "./paths.ts";
import { type PoolSize, poolPlan } from "./pools.ts";
import { databaseRoles, LOOKUP_QUERY, LOOKUP_USER, POOLER_STATS_USER } from "./sql/names.ts";

export interface PgbouncerSettings {
  /** Databases that clients may name. */
  databases: string[];
  /** Of the client programs that operations use on a gateway. */
  postgresVersion: number;
  pool: PoolSize;
  /** How many clients may be connected, to each of the poolers. */
  maximumClients: number;
}

/** One of a gateway's poolers: reads have one of their own, so that neither takes the other's connections. */
export interface PoolerInstance {
  unit: string;
  port: number;
  /** Folder of its Unix socket, where its console answers. */
  socket: string;
  /** Its own file, and the one with its databases. */
  file: string;
  databases: string;
  /** HAProxy's port that its connections go to. */
  target: number;
  /** Seconds after which a connection to PostgreSQL is made anew. */
  lifetime: number;
  readOnly: boolean;
}

export const PGBOUNCER = "/etc/pgbouncer";
/** What clients see. */
export const ENDPOINT_TLS = `${TLS}/endpoint`;

/** To the primary. A connection lives half an hour. */
export const WRITES: PoolerInstance = {
  unit: "pgbouncer.service",
  port: PORTS.pgbouncer,
  socket: PGBOUNCER_SOCKET,
  file: `${PGBOUNCER}/pgbouncer.ini`,
  databases: `${PGBOUNCER}/databases.ini`,
  target: PORTS.haproxyPrimary,
  lifetime: 1800,
  readOnly: false,
};

/**
 * To standbys that are near enough, or to the primary where there is none: a connection lives a minute only, so that
 * reads leave the primary soon after a standby has come back.
 */
export const READS: PoolerInstance = {
  unit: "pgbouncer-read.service",
  port: PORTS.pgbouncerRead,
  socket: `${PGBOUNCER_SOCKET}-read`,
  file: `${PGBOUNCER}/read.ini`,
  databases: `${PGBOUNCER}/read-databases.ini`,
  target: PORTS.haproxyReplicas,
  lifetime: 60,
  readOnly: true,
};

/**
 * Parameters that drivers send when they connect and that cannot follow a client from transaction to transaction.
 * They are accepted and have no effect: what they would set is set for the role (ALTER ROLE ... SET) instead.
 */
const IGNORED_PARAMETERS = [
  "extra_float_digits",
  "options",
  "search_path",
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "jit",
  "plan_cache_mode",
];

/** The text of one pooler's own file. */
export function poolerConfiguration(settings: PgbouncerSettings, pooler: PoolerInstance): string {
  return [
    `[databases]\n%include ${pooler.databases}\n`,
    iniSection("users", users(settings)),
    iniSection("pgbouncer", {
      ...listening(pooler),
      ...authentication(),
      ...pooling(settings),
      ...patience(pooler),
      ...logging(),
    }),
  ].join("\n");
}

/** Roles beside the application's have pools of their own size, so that none takes the application's place. */
function users({ databases, pool }: PgbouncerSettings): Record<string, string> {
  const plan = poolPlan(pool);
  const entry = (of: PoolSize) => `pool_size=${of.size} reserve_pool_size=${of.reserve}`;
  return Object.fromEntries(
    databases.flatMap((database) => {
      const roles = databaseRoles(database);
      return [
        [roles.owner, entry(plan.owner)],
        [roles.readonly, entry(plan.readonly)],
      ];
    }),
  );
}

function listening({ port, socket }: PoolerInstance): Record<string, string | number> {
  return {
    listen_addr: "*",
    listen_port: port,
    unix_socket_dir: socket,
    client_tls_sslmode: "require",
    client_tls_protocols: "tlsv1.3",
    client_tls_cert_file: `${ENDPOINT_TLS}/endpoint.pem`,
    client_tls_key_file: `${ENDPOINT_TLS}/endpoint.key`,
    server_tls_sslmode: "verify-full",
    server_tls_protocols: "tlsv1.3",
    server_tls_ca_file: `${ENDPOINT_TLS}/ca.pem`,
  };
}

function authentication(): Record<string, string | number> {
  return {
    auth_type: "hba",
    auth_hba_file: `${PGBOUNCER}/hba.conf`,
    auth_ident_file: `${PGBOUNCER}/ident.conf`,
    auth_file: `${PGBOUNCER}/userlist.txt`,
    auth_user: LOOKUP_USER,
    auth_query: LOOKUP_QUERY,
    admin_users: "postgres",
    stats_users: POOLER_STATS_USER,
    ignore_startup_parameters: IGNORED_PARAMETERS.join(","),
  };
}

/**
 * `min_pool_size` 0 and a short `server_login_retry`: during a PAUSE nothing may open logins by itself, and a pool
 * that failed one must not wait the default of 15 s after the RESUME (measured: a stall of 15.5 s).
 */
function pooling({ pool, maximumClients }: PgbouncerSettings): Record<string, string | number> {
  return {
    pool_mode: "transaction",
    max_prepared_statements: 200,
    default_pool_size: pool.size,
    reserve_pool_size: pool.reserve,
    reserve_pool_timeout: 1,
    min_pool_size: 0,
    max_db_connections: poolPlan(pool).total,
    max_client_conn: maximumClients,
  };
}

/** Seconds. A client waits 10 for a connection. */
function patience({ lifetime }: PoolerInstance): Record<string, string | number> {
  return {
    query_wait_timeout: 10,
    server_connect_timeout: 5,
    server_login_retry: 0.3,
    server_lifetime: lifetime,
    server_idle_timeout: 600,
    client_login_timeout: 15,
    tcp_keepalive: 1,
    tcp_keepidle: 60,
    tcp_keepintvl: 10,
    tcp_keepcnt: 3,
  };
}

function logging(): Record<string, string | number> {
  return { log_connections: 0, log_disconnections: 0, log_pooler_errors: 1, log_stats: 0 };
}
