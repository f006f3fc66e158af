import { directory, file, iniSection, lines, pending, reload, role, running } from "./build.ts";
import type { ManagedFile, RoleManifest } from "./manifest.ts";
import { PGBOUNCER_SOCKET, PORTS, TLS } from "./paths.ts";
import { type PoolSize, poolPlan } from "./pools.ts";
import { SECRETS, secret } from "./secrets.ts";
import { databaseRoles, LOOKUP_QUERY, LOOKUP_USER } from "./sql/names.ts";
import { dropIn, unitFile } from "./unit.ts";

export interface PgbouncerSettings {
  /** Databases that clients may name. */
  databases: string[];
  pool: PoolSize;
  /** How many clients may be connected. */
  maximumClients: number;
}

export const PGBOUNCER_PACKAGES = ["pgbouncer"];

const UNIT = "pgbouncer.service";
const CONFIGURATION = "/etc/pgbouncer";
const CERTIFICATE = `${TLS}/endpoint`;

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

/**
 * The pooler that clients connect to: TLS 1.3 with the endpoint's certificate, passwords checked against PostgreSQL's
 * own, transaction pooling, and TLS again through HAProxy to whichever member is the primary. Its console answers on
 * its Unix socket only, to root and postgres.
 */
export function pgbouncer(settings: PgbouncerSettings): RoleManifest {
  const own = { owner: "root", group: "postgres", mode: "0640", onChange: reload(UNIT) };
  return role("pgbouncer", {
    packages: PGBOUNCER_PACKAGES,
    hold: PGBOUNCER_PACKAGES,
    directories: [directory(CONFIGURATION), directory(CERTIFICATE, { group: "postgres", mode: "0750" })],
    files: [
      file(`${CERTIFICATE}/ca.pem`, secret(SECRETS.caCertificate), own),
      file(`${CERTIFICATE}/endpoint.pem`, secret(SECRETS.endpointCertificate), own),
      file(`${CERTIFICATE}/endpoint.key`, secret(SECRETS.endpointKey), {
        ...own,
        owner: "postgres",
        mode: "0600",
      }),
      file(`${CONFIGURATION}/userlist.txt`, USERS, own),
      file(`${CONFIGURATION}/hba.conf`, HBA, own),
      file(`${CONFIGURATION}/ident.conf`, IDENT, own),
      databasesFile(settings.databases),
      file(`${CONFIGURATION}/pgbouncer.ini`, configuration(settings), own),
      file(dropIn(UNIT), DROP_IN, { onChange: pending(UNIT) }),
    ],
    units: [running(UNIT, { stateful: true })],
  });
}

/** Where the pooler finds each database; an include of its own, which a cutover rewrites while clients wait. */
export const PGBOUNCER_DATABASES = `${CONFIGURATION}/databases.ini`;

/**
 * The include file for `databases`, each at `target`: HAProxy's primary port unless a cutover points it at one node.
 * The file's owner is root: a cutover writes it as root too, and the next `up` brings back HAProxy.
 */
export function databasesFile(
  databases: string[],
  target: { host: string; port: number } = { host: "127.0.0.1", port: PORTS.haproxyPrimary },
): ManagedFile {
  const text = databases.map((name) => `${name} = host=${target.host} port=${target.port} dbname=${name}`);
  return file(PGBOUNCER_DATABASES, lines(...text), {
    group: "postgres",
    mode: "0640",
    onChange: reload(UNIT),
  });
}

/** The console's user needs a line, though not a password: the socket knows who it is, and no other way is open. */
const USERS = lines(`"${LOOKUP_USER}" "${secret(SECRETS.pgbouncerPassword)}"`, '"postgres" ""');

/**
 * The first match decides: the console by socket only, clients by TLS and password only, and none of the users that
 * belong to machines.
 */
const HBA = lines(
  "local pgbouncer postgres peer map=console",
  "local all all reject",
  "host pgbouncer all all reject",
  `host all postgres,replicator,rewind,${LOOKUP_USER} all reject`,
  "hostssl all all all scram-sha-256",
);

const IDENT = lines("console root postgres", "console postgres postgres");

function configuration(settings: PgbouncerSettings): string {
  return [
    `[databases]\n%include ${PGBOUNCER_DATABASES}\n`,
    iniSection("users", users(settings)),
    iniSection("pgbouncer", {
      ...listening(),
      ...authentication(),
      ...pooling(settings),
      ...patience(),
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

function listening(): Record<string, string | number> {
  return {
    listen_addr: "*",
    listen_port: PORTS.pgbouncer,
    unix_socket_dir: PGBOUNCER_SOCKET,
    client_tls_sslmode: "require",
    client_tls_protocols: "tlsv1.3",
    client_tls_cert_file: `${CERTIFICATE}/endpoint.pem`,
    client_tls_key_file: `${CERTIFICATE}/endpoint.key`,
    server_tls_sslmode: "verify-full",
    server_tls_protocols: "tlsv1.3",
    server_tls_ca_file: `${CERTIFICATE}/ca.pem`,
  };
}

function authentication(): Record<string, string | number> {
  return {
    auth_type: "hba",
    auth_hba_file: `${CONFIGURATION}/hba.conf`,
    auth_ident_file: `${CONFIGURATION}/ident.conf`,
    auth_file: `${CONFIGURATION}/userlist.txt`,
    auth_user: LOOKUP_USER,
    auth_query: LOOKUP_QUERY,
    admin_users: "postgres",
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

/** Seconds. A client waits 10 for a connection; a connection lives half an hour, so that load spreads anew. */
function patience(): Record<string, string | number> {
  return {
    query_wait_timeout: 10,
    server_connect_timeout: 5,
    server_login_retry: 1,
    server_lifetime: 1800,
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

/** Each client and each server connection is an open file. */
const DROP_IN = unitFile({
  Unit: { StartLimitIntervalSec: 0 },
  Service: {
    RuntimeDirectory: "pgbouncer",
    RuntimeDirectoryMode: "0755",
    LimitNOFILE: 65536,
    Restart: "always",
    RestartSec: 1,
  },
});
