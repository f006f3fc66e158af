import { directory, file, lines, pending, reload, role, running } from "./build.ts";
import type { ManagedFile, RoleManifest } from "./manifest.ts";
import {
  ENDPOINT_TLS,
  PGBOUNCER,
  type PgbouncerSettings,
  type PoolerInstance,
  poolerConfiguration,
  READS,
  WRITES,
} from "./pgbouncerConfiguration.ts";
import { SECRETS, secret } from "./secrets.ts";
import { LOOKUP_USER, POOLER_STATS_USER } from "./sql/names.ts";
import { dropIn, unitFile } from "./unit.ts";

export const PGBOUNCER_PACKAGES = ["pgbouncer"];

/**
 * The poolers that clients connect to, one for writes and one for reads: TLS 1.3 with the endpoint's certificate,
 * passwords checked against PostgreSQL's own, transaction pooling, and TLS again through HAProxy to whichever member is the primary. Its console answers on
 * its Unix socket only, to root and postgres.
 */
export function pgbouncer(settings: PgbouncerSettings): RoleManifest {
  const own = { owner: "root", group: "postgres", mode: "0640", onChange: reload(WRITES.unit, READS.unit) };
  const key = { ...own, owner: "postgres", mode: "0600" };
  return role("pgbouncer", {
    packages: [...PGBOUNCER_PACKAGES, `postgresql-client-${settings.postgresVersion}`],
    hold: PGBOUNCER_PACKAGES,
    directories: [directory(PGBOUNCER), directory(ENDPOINT_TLS, { group: "postgres", mode: "0750" })],
    files: [
      file(`${ENDPOINT_TLS}/ca.pem`, secret(SECRETS.caCertificate), own),
      file(`${ENDPOINT_TLS}/endpoint.pem`, secret(SECRETS.endpointCertificate), own),
      file(`${ENDPOINT_TLS}/endpoint.key`, secret(SECRETS.endpointKey), key),
      file(`${PGBOUNCER}/userlist.txt`, USERS, own),
      file(`${PGBOUNCER}/hba.conf`, HBA, own),
      file(`${PGBOUNCER}/ident.conf`, IDENT, own),
      ...[WRITES, READS].flatMap((pooler) => poolerFiles(settings, pooler)),
      file(dropIn(WRITES.unit), DROP_IN, { onChange: pending(WRITES.unit) }),
      file(`/etc/systemd/system/${READS.unit}`, READ_UNIT, { onChange: pending(READS.unit) }),
    ],
    units: [running(WRITES.unit, { stateful: true }), running(READS.unit, { stateful: true })],
  });
}

function poolerFiles(settings: PgbouncerSettings, pooler: PoolerInstance): ManagedFile[] {
  return [
    databasesFile(pooler, settings.databases),
    file(pooler.file, poolerConfiguration(settings, pooler), ownFile(pooler)),
  ];
}

function ownFile(pooler: PoolerInstance) {
  return { group: "postgres", mode: "0640", onChange: reload(pooler.unit) };
}

/**
 * Where a pooler finds each database, an include of its own: at HAProxy's port, unless a cutover points it at one
 * node. The file's owner is root: a cutover writes it as root too, and the next `up` brings back HAProxy.
 */
export function databasesFile(
  pooler: PoolerInstance,
  databases: string[],
  target: { host: string; port: number } = { host: "127.0.0.1", port: pooler.target },
): ManagedFile {
  return file(pooler.databases, databaseLines(databases, pooler, target), ownFile(pooler));
}

/** Reads stay reads where the primary serves them for want of a standby. */
function databaseLines(
  databases: string[],
  pooler: PoolerInstance,
  target: { host: string; port: number },
): string {
  const readOnly = pooler.readOnly ? " connect_query='SET default_transaction_read_only = on'" : "";
  return lines(
    ...databases.map((name) => `${name} = host=${target.host} port=${target.port} dbname=${name}${readOnly}`),
  );
}

/** The console's user needs a line, though not a password: the socket knows who it is, and no other way is open. */
const USERS = lines(
  `"${LOOKUP_USER}" "${secret(SECRETS.pgbouncerPassword)}"`,
  '"postgres" ""',
  `"${POOLER_STATS_USER}" ""`,
);

/**
 * The first match decides: the console by socket only, clients by TLS and password only, and none of the users that
 * belong to machines.
 */
const HBA = lines(
  "local pgbouncer postgres peer map=console",
  `local pgbouncer ${POOLER_STATS_USER} peer map=metrics`,
  "local all all reject",
  "host pgbouncer all all reject",
  `host all postgres,replicator,rewind,${LOOKUP_USER},${POOLER_STATS_USER} all reject`,
  "hostssl all all all scram-sha-256",
);

const IDENT = lines(
  "console root postgres",
  "console postgres postgres",
  `metrics prometheus ${POOLER_STATS_USER}`,
  `metrics root ${POOLER_STATS_USER}`,
);

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

/** As Debian's own unit for the other one. */
const READ_UNIT = unitFile({
  Unit: {
    Description: "connection pooler for PostgreSQL, reads",
    After: "network.target",
    StartLimitIntervalSec: 0,
  },
  Service: {
    Type: "notify",
    User: "postgres",
    ExecStart: `/usr/sbin/pgbouncer ${READS.file}`,
    ExecReload: "/bin/kill -HUP $MAINPID",
    KillSignal: "SIGINT",
    RuntimeDirectory: "pgbouncer-read",
    RuntimeDirectoryMode: "0755",
    LimitNOFILE: 65536,
    Restart: "always",
    RestartSec: 1,
  },
  Install: { WantedBy: "multi-user.target" },
});
