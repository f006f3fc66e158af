import { stringify } from "yaml";
import { firstStart } from "./firstStart.ts";
import { LIBEXEC, PORTS, POSTGRES_SOCKET, postgresBin, postgresData } from "./paths.ts";
import type { PostgresParameters } from "./postgresParameters.ts";
import { SECRETS, secret } from "./secrets.ts";
import { nodeTls } from "./tls.ts";

export interface PatroniSettings {
  /** The cluster's name, which is Patroni's scope. */
  cluster: string;
  /** This machine's name and private address. */
  name: string;
  address: string;
  /** Private addresses of the etcd members. */
  etcd: string[];
  postgresVersion: number;
  /** The cluster's; those that its first start needs are given here, all of them by the dynamic configuration. */
  parameters: PostgresParameters;
  /** CIDRs of the machines that replicate from here. */
  replicationPeers: string[];
  /** CIDRs of the gateways. */
  clients: string[];
  durability: Durability;
  /** Whether this is the cluster's only member. Others may have to copy the data first, which may take hours. */
  alone: boolean;
}

/**
 * `async`: a commit is acknowledged once it is on the primary's disk, and a failover may lose what no standby has got
 * yet. `sync`: once a standby's disk has it too.
 */
export type Durability = "async" | "sync";

/** Stands before PostgreSQL's own. */
export const PG_REWIND = `${LIBEXEC}/pg_rewind`;

/** What Patroni calls before it stops PostgreSQL, and the file while which is there it does something. */
export const BEFORE_STOP = `${LIBEXEC}/before-stop`;
export const STOP_FAST = "/run/phasewise/stop-fast";

/** Every cluster's keys in etcd begin with it. */
export const PATRONI_NAMESPACE = "/phasewise/";

/**
 * What all members share and Patroni keeps in etcd: given at the cluster's first start, changed through the leader
 * ever after.
 *
 * ttl 20, loop_wait 3, retry_timeout 5: `loop_wait + 2 * retry_timeout <= ttl` must hold, and 20 is the least ttl
 * that Patroni takes; a lost primary is replaced in 25 s at the latest with them (measured).
 *
 * Failsafe mode: a primary that reaches all members goes on while etcd is away, instead of closing itself to writes
 * (Patroni documentation, "DCS Failsafe Mode"). With one member that is always so.
 *
 * `synchronous_mode` without `synchronous_mode_strict`: only a standby that has every acknowledged write may become
 * the primary, and a primary whose standbys are all gone goes on alone (Patroni documentation, "Replication modes").
 * Without it, a standby that is more than `maximum_lag_on_failover` behind what was last seen of the primary does
 * not become one.
 */
export function dynamicConfiguration(
  parameters: PostgresParameters,
  durability: Durability,
): Record<string, unknown> {
  return {
    ttl: 20,
    loop_wait: 3,
    retry_timeout: 5,
    maximum_lag_on_failover: 16 * 1024 ** 2,
    synchronous_mode: durability === "sync",
    failsafe_mode: true,
    postgresql: { use_pg_rewind: true, use_slots: true, parameters },
  };
}

/** The text of this member's patroni.yml. */
export function patroniConfiguration(settings: PatroniSettings): string {
  const { cluster, name, etcd } = settings;
  const tls = nodeTls("patroni");
  return stringify(
    {
      scope: cluster,
      namespace: PATRONI_NAMESPACE,
      name,
      log: { level: "INFO", format: "%(levelname)s: %(message)s" },
      restapi: restApi(settings),
      ctl: { cacert: tls.ca, certfile: tls.certificate, keyfile: tls.key },
      etcd3: {
        hosts: etcd.map((address) => `${address}:${PORTS.etcdClient}`),
        protocol: "https",
        cacert: tls.ca,
        cert: tls.certificate,
        key: tls.key,
      },
      bootstrap: bootstrap(settings),
      postgresql: postgresql(settings),
    },
    { lineWidth: 0 },
  );
}

/** Mutual TLS on every path, health checks included. The machine's firewall keeps it private. */
function restApi({ address }: PatroniSettings): Record<string, unknown> {
  const tls = nodeTls("patroni");
  return {
    listen: `0.0.0.0:${PORTS.patroni}`,
    connect_address: `${address}:${PORTS.patroni}`,
    cafile: tls.ca,
    certfile: tls.certificate,
    keyfile: tls.key,
    verify_client: "required",
    server_tokens: "minimal",
  };
}

/**
 * The locale is PostgreSQL's own C.UTF-8: its order never changes under an index when a C library or ICU is
 * updated, or differs between primary and standby (PostgreSQL 17 documentation, 23.1.4); a column that people read
 * sorted takes an ICU collation of its own. One syncfs instead of an fsync a file: as safe, and much faster.
 */
function bootstrap({ parameters, durability }: PatroniSettings): Record<string, unknown> {
  return {
    dcs: dynamicConfiguration(firstStart(parameters), durability),
    initdb: [
      "data-checksums",
      // Until Patroni has written its own rules; initdb would trust everybody on the machine.
      { "auth-local": "peer" },
      { "auth-host": "reject" },
      { encoding: "UTF8" },
      { "locale-provider": "builtin" },
      { "builtin-locale": "C.UTF-8" },
      { locale: "C.UTF-8" },
      { "sync-method": "syncfs" },
    ],
  };
}

function postgresql(settings: PatroniSettings): Record<string, unknown> {
  const { address, postgresVersion } = settings;
  const tls = { sslmode: "verify-full", sslrootcert: nodeTls("patroni").ca };
  return {
    listen: `${address},127.0.0.1:${PORTS.postgres}`,
    connect_address: `${address}:${PORTS.postgres}`,
    data_dir: postgresData(postgresVersion),
    bin_dir: postgresBin(postgresVersion),
    bin_name: { pg_rewind: PG_REWIND },
    before_stop: BEFORE_STOP,
    pgpass: "/run/patroni/pgpass",
    use_unix_socket: true,
    parameters: { unix_socket_directories: POSTGRES_SOCKET },
    authentication: {
      // No password: the superuser comes by the Unix socket, as the system user of that name.
      superuser: { username: "postgres" },
      replication: { username: "replicator", password: secret(SECRETS.replicatorPassword), ...tls },
      rewind: { username: "rewind", password: secret(SECRETS.rewindPassword), ...tls },
    },
    pg_hba: hostBasedAuthentication(settings),
    pg_ident: [`${OWNERS} postgres /_owner$`],
    // A spread checkpoint would make a new standby wait for minutes before its copy begins.
    basebackup: [{ checkpoint: "fast" }],
  };
}

/** The superuser's system user may come as any database's owner too: so the upkeep runs without the superuser's rights. */
const OWNERS = "owners";

/** Who may connect from where. Nothing without TLS, nobody without a password but the superuser on the socket. */
function hostBasedAuthentication({ replicationPeers, clients }: PatroniSettings): string[] {
  const local = "127.0.0.1/32";
  const from = (database: string, user: string, addresses: string[]) =>
    [...new Set(addresses)].map((address) => `hostssl ${database} ${user} ${address} scram-sha-256`);
  return [
    "local all postgres peer",
    `local all all peer map=${OWNERS}`,
    ...from("replication", "replicator", [local, ...replicationPeers]),
    ...from("postgres", "rewind", [local, ...replicationPeers]),
    "host all postgres,replicator,rewind all reject",
    ...from("all", "all", [local, ...clients]),
  ];
}
