import { type AlertsSettings, alerts } from "../roles/alerts/alerts.ts";
import { application } from "../roles/application.ts";
import { base, type Overcommit } from "../roles/base.ts";
import { cacheGate } from "../roles/cacheGate.ts";
import { data } from "../roles/data.ts";
import { dump } from "../roles/dump.ts";
import { type EtcdSettings, etcd } from "../roles/etcd.ts";
import { exporterAddresses, type MetricsSettings, metrics } from "../roles/exporters/metrics.ts";
import { firewall } from "../roles/firewall.ts";
import { haproxy } from "../roles/haproxy.ts";
import type { RoleManifest } from "../roles/manifest.ts";
import { operators } from "../roles/operators.ts";
import { origin } from "../roles/origin.ts";
import { patroni } from "../roles/patroni.ts";
import { type PgbackrestSettings, pgbackrest } from "../roles/pgbackrest.ts";
import { pgbouncer } from "../roles/pgbouncer.ts";
import { type PostgresParameters, postgresParameters } from "../roles/postgresParameters.ts";
import { readGate } from "../roles/readGate.ts";
import { type RedisServerSettings, redis } from "../roles/redis.ts";
import { redisBackup } from "../roles/redisBackup.ts";
import { sentinel } from "../roles/sentinel.ts";
import { tls } from "../roles/tls.ts";
import { updates } from "../roles/updates.ts";
import { upkeep } from "../roles/upkeep.ts";
import { applicationSettings } from "./applicationSettings.ts";
import {
  addressesOf,
  addressOf,
  cacheOf,
  cachesThrough,
  gatewayOf,
  memberOf,
  named,
  storageBytes,
} from "./lookup.ts";
import { openings } from "./openings.ts";
import { copyRepositories, repositoryOf } from "./repositories.ts";
import type { AlertsSpec, CacheSpec, ClusterSpec, DataLayerSpec, MachineRole, MachineSpec } from "./spec.ts";

const MB = 1024 ** 2;

/** Interfaces of Hetzner's machines. */
const interfaces = { publicInterface: "eth0", privateInterface: "enp7s0" };

/**
 * All roles of a machine with their settings, in the order in which they are applied.
 *
 * @param program What application servers run.
 */
export function machineRoles(machine: MachineSpec, layer: DataLayerSpec, program?: string): RoleManifest[] {
  return [
    base({ overcommit: overcommit(machine) }),
    operators(Object.entries(layer.access.keys).map(([name, publicKeys]) => ({ name, publicKeys }))),
    tls(),
    firewall({ ...interfaces, ...openings(machine, layer) }),
    ...(machine.volumes.length > 0 ? [data()] : []),
    updates(),
    ...firstData(machine, layer),
    ...machine.roles.map((role) => renderers[role](machine, layer, program)),
    ...(machine.roles.includes("patroni")
      ? [upkeep({ databases: [memberOf(machine, layer).database] })]
      : []),
    ...(layer.metrics === null ? [] : [metrics(metricsSettings(machine, layer))]),
    ...(layer.alerts?.machine === machine.name ? [alerts(alertsSettings(layer.alerts, layer))] : []),
  ];
}

/** Before PostgreSQL's first start, which looks for it. */
function firstData(machine: MachineSpec, layer: DataLayerSpec): RoleManifest[] {
  if (!layer.origin || !machine.roles.includes("patroni")) return [];
  const { cluster, patienceSeconds: _, ...from } = layer.origin;
  const { name, postgresVersion } = memberOf(machine, layer);
  return name === cluster ? [origin({ ...from, postgresVersion })] : [];
}

/** Settings of PostgreSQL: derived from the smallest member, overridden by what the stack's file says. */
export function clusterParameters(cluster: ClusterSpec, layer: DataLayerSpec): PostgresParameters {
  const members = layer.machines.filter((machine) => cluster.members.includes(machine.name));
  const derived = postgresParameters({
    memoryBytes: Math.min(...members.map((machine) => machine.memoryMb)) * MB,
    cores: Math.min(...members.map((machine) => machine.cores)),
    volumeBytes: Math.min(...members.map(storageBytes)),
    pool: cluster.pool,
    databases: 1,
  });
  return { ...derived, ...cluster.parameters };
}

const renderers: Record<
  MachineRole,
  (machine: MachineSpec, layer: DataLayerSpec, program?: string) => RoleManifest
> = {
  etcd: (machine, layer) =>
    etcd({
      name: machine.name,
      address: machine.privateAddress,
      token: `phasewise-${layer.stack}`,
      initial: initialVoters(machine.name, layer),
      leads: machine.name === firstWithoutData(layer),
    }),
  patroni: (machine, layer) => {
    const cluster = memberOf(machine, layer);
    return patroni({
      cluster: cluster.name,
      name: machine.name,
      address: machine.privateAddress,
      etcd: addressesOf(layer.consensus.members, layer),
      postgresVersion: cluster.postgresVersion,
      parameters: clusterParameters(cluster, layer),
      replicationPeers: addressesOf(cluster.members, layer).map(single),
      clients: addressesOf(cluster.gateways, layer).map(single),
      alone: cluster.members.length === 1,
      durability: cluster.durability,
    });
  },
  readGate: (machine, layer) =>
    readGate({
      address: machine.privateAddress,
      maximumLagSeconds: memberOf(machine, layer).maximumReadLagSeconds,
    }),
  haproxy: (machine, layer) =>
    haproxy({
      members: named(gatewayOf(machine, layer).members, layer),
      caches: cachesThrough(machine, layer).map(({ machines, name }) => ({
        name,
        servers: named(machines, layer),
      })),
    }),
  pgbouncer: (machine, layer) => {
    const { database, maxClients, pool, postgresVersion } = gatewayOf(machine, layer);
    return pgbouncer({ databases: [database], postgresVersion, pool, maximumClients: maxClients });
  },
  dump: (machine, layer) => {
    const { backup, name, postgresVersion } = memberOf(machine, layer);
    if (backup.dumps === null) throw new Error(`the cluster ${name} has no dumps`);
    const { keepDays, ...dumps } = backup.dumps;
    return dump({
      cluster: name,
      postgresVersion,
      name: machine.name,
      ...dumps,
      repositories: copyRepositories(backup, layer, `the cluster ${name}`, keepDays),
    });
  },
  pgbackrest: (machine, layer) => pgbackrest(backupSettings(machine, layer)),
  sentinel: (machine, layer) => {
    const caches = layer.caches.filter((cache) => cache.sentinels.includes(machine.name));
    return sentinel({
      address: machine.privateAddress,
      sentinels: sentinelsOf(caches, layer),
      caches: caches.map(({ machines, name }) => ({ name, primary: addressOf(machines[0]!, layer) })),
    });
  },
  redis: (machine, layer) => redis(redisSettings(machine, layer)),
  redisBackup: (machine, layer) => {
    const { backup, memoryMb, name } = cacheOf(machine, layer);
    return redisBackup({
      name,
      memoryMb,
      time: backup.time,
      repositories: copyRepositories(backup, layer, `the cache ${name}`),
    });
  },
  cacheGate: (machine, layer) => {
    const caches = cachesThrough(machine, layer);
    return cacheGate({
      sentinels: sentinelsOf(caches, layer),
      caches: caches.map(({ machines, name }) => ({ name, machines: named(machines, layer) })),
    });
  },
  application: (machine, layer, program) => application(applicationSettings(machine, layer, program)),
};

function redisSettings(machine: MachineSpec, layer: DataLayerSpec): RedisServerSettings {
  const { evictionPolicy, machines, memoryMb, name, sentinels } = cacheOf(machine, layer);
  const [first] = machines;
  return {
    name,
    memoryMb,
    evictionPolicy,
    address: machine.privateAddress,
    sentinels: addressesOf(sentinels, layer),
    replicaOf: first === undefined || first === machine.name ? null : addressOf(first, layer),
  };
}

/** All caches of a stack are watched by the same Sentinels. */
function sentinelsOf(caches: CacheSpec[], layer: DataLayerSpec): string[] {
  return addressesOf([...new Set(caches.flatMap((cache) => cache.sentinels))], layer);
}

/** The voter that carries no database, so that store and database never lose their leaders together. */
function firstWithoutData({ clusters, consensus }: DataLayerSpec): string | undefined {
  return consensus.members.find((name) => !clusters.some((cluster) => cluster.members.includes(name)));
}

/**
 * How a member of the consensus store finds the others at its first start. Members of a new store all know each
 * other; one that joins knows those that joined before it, and no later one, as etcd demands.
 */
function initialVoters(machine: string, { consensus, machines }: DataLayerSpec): EtcdSettings["initial"] {
  const place = consensus.joining.indexOf(machine);
  const later = consensus.joining.slice(place + 1);
  const members = consensus.members.filter((name) => !later.includes(name));
  return {
    state: place < 0 ? "new" : "existing",
    members: machines
      .filter((each) => members.includes(each.name))
      .map(({ name, privateAddress }) => ({ name, address: privateAddress })),
  };
}

function metricsSettings(machine: MachineSpec, layer: DataLayerSpec): MetricsSettings {
  const carries = (role: MachineRole) => machine.roles.includes(role);
  return {
    address: machine.privateAddress,
    database: carries("patroni") ? memberOf(machine, layer).database : null,
    pgbouncer: carries("pgbouncer"),
    redis: carries("redis"),
  };
}

function alertsSettings(
  { machine: _, drills, ...receivers }: AlertsSpec,
  layer: DataLayerSpec,
): AlertsSettings {
  return {
    ...receivers,
    stack: layer.stack,
    targets: layer.machines.flatMap((machine) =>
      exporterAddresses(metricsSettings(machine, layer)).map((address) => ({
        machine: machine.name,
        address,
      })),
    ),
    drills: layer.clusters.flatMap(({ name: cluster }) => drills.map((goal) => ({ cluster, ...goal }))),
  };
}

/** Strict but where Redis is without PostgreSQL: see `base` and `largestRedisMemoryMb`. */
function overcommit({ roles }: MachineSpec): Overcommit {
  return roles.includes("redis") && !roles.includes("patroni") ? "always" : "never";
}

function backupSettings(machine: MachineSpec, layer: DataLayerSpec): PgbackrestSettings {
  const { backup, members, name, postgresVersion } = memberOf(machine, layer);
  return {
    stanza: name,
    postgresVersion,
    repository: repositoryOf(backup.bucket, layer, `the cluster ${name}`),
    time: backup.time,
    fullOn: backup.fullOn,
    retentionDays: backup.retentionDays,
    second: backup.second && {
      ...repositoryOf(backup.second.bucket, layer, `the cluster ${name}`),
      retentionDays: backup.second.retentionDays,
    },
    cores: machine.cores,
    volumeBytes: storageBytes(machine),
    queuePercent: backup.queuePercent,
    name: machine.name,
    address: machine.privateAddress,
    peers: members
      .filter((member) => member !== machine.name)
      .map((member) => ({ name: member, address: addressOf(member, layer) })),
  };
}

function single(address: string): string {
  return `${address}/32`;
}
