import { base } from "../roles/base.ts";
import { data } from "../roles/data.ts";
import { etcd } from "../roles/etcd.ts";
import { firewall, type Opening } from "../roles/firewall.ts";
import { haproxy } from "../roles/haproxy.ts";
import type { RoleManifest } from "../roles/manifest.ts";
import { operators } from "../roles/operators.ts";
import { PORTS } from "../roles/paths.ts";
import { patroni } from "../roles/patroni.ts";
import { type PgbackrestSettings, pgbackrest } from "../roles/pgbackrest.ts";
import { pgbouncer } from "../roles/pgbouncer.ts";
import { type PostgresParameters, postgresParameters } from "../roles/postgresParameters.ts";
import { tls } from "../roles/tls.ts";
import { updates } from "../roles/updates.ts";
import type { ClusterSpec, DataLayerSpec, MachineRole, MachineSpec } from "./spec.ts";

const MB = 1024 ** 2;
const GB = 1024 ** 3;

/** Interfaces of Hetzner's machines. */
const interfaces = { publicInterface: "eth0", privateInterface: "enp7s0" };

/** A replica that is further behind serves no reads; Patroni makes no such replica a primary either. */
const maximumLagMegabytes = 16;

/** All roles of a machine with their settings, in the order in which they are applied. */
export function machineRoles(machine: MachineSpec, layer: DataLayerSpec): RoleManifest[] {
  return [
    base(),
    operators(Object.entries(layer.access.keys).map(([name, key]) => ({ name, publicKeys: [key] }))),
    tls(),
    firewall({ ...interfaces, ...openings(machine, layer) }),
    ...(machine.volumes.length > 0 ? [data()] : []),
    updates(),
    ...machine.roles.map((role) => renderers[role](machine, layer)),
  ];
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
    backupStanza: cluster.name,
  });
  return { ...derived, ...cluster.parameters };
}

const renderers: Record<MachineRole, (machine: MachineSpec, layer: DataLayerSpec) => RoleManifest> = {
  etcd: (machine, layer) =>
    etcd({
      name: machine.name,
      address: machine.privateAddress,
      token: `phasewise-${layer.stack}`,
      initial: {
        state: "new",
        members: layer.consensus.members.map((name) => ({ name, address: addressOf(name, layer) })),
      },
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
      joins: false,
    });
  },
  haproxy: (machine, layer) =>
    haproxy({
      members: gatewayOf(machine, layer).members.map((name) => ({ name, address: addressOf(name, layer) })),
      maximumLagMegabytes,
    }),
  pgbouncer: (machine, layer) => {
    const { database, maxClients, pool } = gatewayOf(machine, layer);
    return pgbouncer({ databases: [database], pool, maximumClients: maxClients });
  },
  pgbackrest: (machine, layer) => pgbackrest(backupSettings(machine, layer)),
};

function backupSettings(machine: MachineSpec, layer: DataLayerSpec): PgbackrestSettings {
  const { backup, name, postgresVersion } = memberOf(machine, layer);
  const bucket = layer.buckets.find((each) => each.name === backup.bucket);
  if (!bucket) throw new Error(`the cluster ${name} backs up into ${backup.bucket}, which is no bucket here`);
  const { hostname, port } = new URL(bucket.endpoint);
  return {
    stanza: name,
    postgresVersion,
    repository: {
      endpoint: hostname,
      port: port === "" ? 443 : Number(port),
      region: bucket.region,
      bucket: bucket.bucket,
      ownAuthority: bucket.caCertificate !== null,
    },
    time: backup.time,
    fullOn: backup.fullOn,
    retentionDays: backup.retentionDays,
    cores: machine.cores,
    volumeBytes: storageBytes(machine),
  };
}

/** Who may reach what on a machine: operators and clients from outside, inside each role its own peers alone. */
function openings(machine: MachineSpec, layer: DataLayerSpec): { public: Opening[]; private: Opening[] } {
  const { access, clusters, consensus } = layer;
  const carries = (role: MachineRole) => machine.roles.includes(role);
  const members = clusters.filter((each) => each.members.includes(machine.name));
  const around = members.flatMap((each) => [...each.members, ...each.gateways]);
  const everyMember = clusters.flatMap((each) => each.members);
  const peers = (names: string[]) =>
    addressesOf([...new Set(names)], layer).filter((address) => address !== machine.privateAddress);
  const opened: [MachineRole, Opening][] = [
    ["pgbouncer", { name: "PgBouncer", ports: [PORTS.pgbouncer], peers: access.applications }],
    ["patroni", { name: "PostgreSQL", ports: [PORTS.postgres], peers: peers(around) }],
    ["patroni", { name: "Patroni", ports: [PORTS.patroni], peers: peers(around) }],
    [
      "etcd",
      { name: "etcd", ports: [PORTS.etcdClient], peers: peers([...everyMember, ...consensus.members]) },
    ],
    ["etcd", { name: "etcd peers", ports: [PORTS.etcdPeer], peers: peers(consensus.members) }],
  ];
  const clients: Opening = { name: "PgBouncer", ports: [PORTS.pgbouncer], peers: access.database };
  return {
    public: [
      { name: "SSH", ports: [PORTS.ssh], peers: access.operators },
      ...(carries("pgbouncer") ? [clients] : []),
    ],
    private: opened.filter(([role]) => carries(role)).map(([, opening]) => opening),
  };
}

function memberOf(machine: MachineSpec, layer: DataLayerSpec): ClusterSpec {
  return clusterWhere(layer, (each) => each.members.includes(machine.name), `${machine.name} is no member`);
}

function gatewayOf(machine: MachineSpec, layer: DataLayerSpec): ClusterSpec {
  return clusterWhere(layer, (each) => each.gateways.includes(machine.name), `${machine.name} is no gateway`);
}

function clusterWhere(
  layer: DataLayerSpec,
  is: (each: ClusterSpec) => boolean,
  otherwise: string,
): ClusterSpec {
  const cluster = layer.clusters.find(is);
  if (!cluster) throw new Error(`${otherwise} of any cluster`);
  return cluster;
}

function addressOf(name: string, layer: DataLayerSpec): string {
  const machine = layer.machines.find((each) => each.name === name);
  if (!machine) throw new Error(`there is no machine ${name}`);
  return machine.privateAddress;
}

function addressesOf(names: string[], layer: DataLayerSpec): string[] {
  return names.map((name) => addressOf(name, layer));
}

function single(address: string): string {
  return `${address}/32`;
}

function storageBytes(machine: MachineSpec): number {
  return Math.max(0, ...machine.volumes.map((volume) => volume.sizeGb)) * GB;
}
