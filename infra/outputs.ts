import { all, interpolate, type Output, output, secret, unsecret } from "@pulumi/pulumi";
import type { DataLayer } from "../components/dataLayer.ts";
import { project } from "../components/labels.ts";
import type { LoadBalancer } from "../components/loadBalancer.ts";
import { addressesOf } from "../components/lookup.ts";
import type { Machine } from "../components/machine.ts";
import { clusterParameters } from "../components/machineRoles.ts";
import type { CacheSpec, DataLayerSpec } from "../components/spec.ts";
import { PORTS } from "../roles/paths.ts";
import { USERS } from "../roles/redisUsers.ts";
import { databaseRoles, MONITOR } from "../roles/sql/names.ts";
import type { PhaseNumber } from "./blueprint.ts";
import { type Deployed, deployedFrom } from "./changes.ts";
import type { Config } from "./config.ts";
import type { Scaling } from "./phases/scaling.ts";
import type { Stage } from "./phases/stage.ts";
import type { Topology } from "./topology.ts";

/** What a stack says of itself. */
export interface Outputs extends Record<string, unknown> {
  /** For the operator's commands; secret as a whole. */
  topology: Output<Topology>;
  /** What later settings are compared with. */
  deployed: Deployed;
  phase: number;
  /** Secret: it holds the application's password. */
  DATABASE_URL: Output<string>;
  /** The same without a password. */
  databaseUrl: Output<string>;
  /** Secret. For what may be some seconds old: standbys serve it where there are any. */
  DATABASE_READ_URL: Output<string>;
  /** Where the stack has a cache. Secret: it holds the application's password. */
  REDIS_URL?: Output<string>;
  redisUrl?: Output<string>;
  /** For clients inside of the private network: their own way to the primary, by Sentinel. */
  REDIS_SENTINELS?: string;
  REDIS_MASTER?: string;
  REDIS_SENTINEL_PASSWORD?: Output<string>;
  DB_HOST: Output<string>;
  DB_READ_HOST: Output<string>;
  /** The host, for writes and for reads, for applications inside of the private network. */
  DB_PRIVATE_HOST: string;
  DB_PORT: number;
  /** Where reads are served by standbys that are near enough; it is read-only. */
  DB_READ_PORT: number;
  /** What the name that clients connect to must say in the DNS; empty where they connect to an address. */
  dnsRecords: Output<string[]>;
  /** PEM of the authority that signed the database's certificate. */
  caCertificate: Output<string>;
}

interface Declared {
  layer: DataLayer;
  spec: DataLayerSpec;
  config: Config;
  stack: string;
  /** What is deployed, which a promotion may have brought further than the settings say. */
  phase: PhaseNumber;
  stage: Stage | undefined;
  scaling?: Scaling | undefined;
}

export function outputsOf(declared: Declared): Outputs {
  const { layer, spec, config, stack, phase, scaling, stage } = declared;
  const [cluster] = spec.clusters;
  const [credentials] = layer.credentials;
  const gateway = layer.machines.find((machine) => cluster?.gateways.includes(machine.spec.name));
  if (!cluster || !credentials || !gateway)
    throw new Error(`${stack} has no database that clients can reach`);
  const host = endpointHost(declared, gateway);
  const user = databaseRoles(cluster.database).application;
  const at = (port: number) => interpolate`${host}:${port}/${cluster.database}?sslmode=verify-full`;
  const [place, reads] = [at(PORTS.pgbouncer), at(PORTS.pgbouncerRead)];
  return {
    topology: secret(topologyOf(declared, host)),
    deployed: {
      ...deployedFrom(config, stack),
      phase,
      ...transitionOf(stage),
      ...(scaling?.state === "expanded" ? { scaling: true } : {}),
    },
    phase,
    DATABASE_URL: secret(interpolate`postgresql://${user}:${credentials.application}@${place}`),
    databaseUrl: interpolate`postgresql://${user}@${place}`,
    DATABASE_READ_URL: secret(interpolate`postgresql://${user}:${credentials.application}@${reads}`),
    ...cacheUrls(layer, spec),
    DB_HOST: host,
    DB_READ_HOST: host,
    DB_PRIVATE_HOST: privateHost(layer, gateway),
    DB_PORT: PORTS.pgbouncer,
    DB_READ_PORT: PORTS.pgbouncerRead,
    dnsRecords: gateway.publicAddress.apply((address) =>
      spec.domain === null ? [] : [`${spec.domain} A ${address}`],
    ),
    caCertificate: unsecret(layer.caCertificate),
  };
}

/**
 * What clients connect to from anywhere: a name where there is one, the load balancer in front of the gateways where
 * the internet reaches it, else the first gateway's address, which stays through all phases.
 */
function endpointHost({ layer, spec }: Pick<Declared, "layer" | "spec">, gateway: Machine): Output<string> {
  if (spec.domain !== null) return output(spec.domain);
  return balancerOf(layer, gateway)?.publicAddress ?? gateway.publicAddress;
}

/** The same for clients inside of the private network: no single machine stands between them and the database there. */
function privateHost(layer: DataLayer, gateway: Machine): string {
  return balancerOf(layer, gateway)?.spec.privateAddress ?? gateway.spec.privateAddress;
}

function balancerOf({ loadBalancers }: DataLayer, { spec }: Machine): LoadBalancer | undefined {
  return loadBalancers.find((balancer) => balancer.spec.machines.includes(spec.name));
}

/** Once contracted, a stack is whole in its new phase: nothing but its file is behind. */
function transitionOf(stage: Stage | undefined): Pick<Deployed, "transition"> {
  return stage?.state === "expanded" ? { transition: { from: stage.from, to: stage.to } } : {};
}

function cacheUrls(layer: DataLayer, spec: DataLayerSpec) {
  const [credentials] = layer.cacheCredentials;
  const [cache] = spec.caches;
  if (!cache || !credentials) return {};
  const place = interpolate`${cacheHost(layer, spec, cache)}:${PORTS.redis}/0`;
  return {
    REDIS_URL: secret(interpolate`rediss://${USERS.application}:${credentials.application}@${place}`),
    redisUrl: interpolate`rediss://${USERS.application}@${place}`,
    ...(layer.sentinelCredentials && cache.sentinels.length > 0
      ? {
          REDIS_SENTINELS: sentinelAddresses(cache, spec).join(","),
          REDIS_MASTER: cache.name,
          REDIS_SENTINEL_PASSWORD: secret(layer.sentinelCredentials.client),
        }
      : {}),
  };
}

function sentinelAddresses({ sentinels }: CacheSpec, spec: DataLayerSpec): string[] {
  return addressesOf(sentinels, spec).map((address) => `${address}:${PORTS.sentinel}`);
}

function sentinelOf(layer: DataLayer, spec: DataLayerSpec, cache: CacheSpec) {
  if (!layer.sentinelCredentials || cache.sentinels.length === 0) return null;
  return {
    machines: cache.sentinels,
    addresses: sentinelAddresses(cache, spec),
    user: USERS.application,
    password: layer.sentinelCredentials.client,
  };
}

/** Every gateway leads to the primary, wherever that is: the same host as the database's. */
function cacheHost(layer: DataLayer, spec: DataLayerSpec, cache: CacheSpec): Output<string> {
  const gateway = layer.machines.find((machine) => cache.gateways.includes(machine.spec.name))!;
  return endpointHost({ layer, spec }, gateway);
}

function topologyOf({ layer, spec, config, stack, phase }: Declared, host: Output<string>): Output<Topology> {
  const { secondRepository } = config.backup;
  const repositories = [config.objectStorage, ...(secondRepository ? [secondRepository] : [])];
  const write = { host, port: PORTS.pgbouncer };
  const read = { host, port: PORTS.pgbouncerRead };
  return output({
    version: 1 as const,
    project,
    stack,
    environment: config.environment,
    phase,
    consensus: { members: spec.consensus.members },
    endpoints: { write, read, database: config.database.name },
    machines: layer.machines.map((machine) => ({
      name: machine.spec.name,
      serverId: machine.serverId,
      serverType: machine.spec.serverType,
      location: spec.location,
      publicAddress: machine.publicAddress,
      privateAddress: machine.spec.privateAddress,
      hostKey: machine.hostKey,
      roles: machine.roleNames,
      volumes: machine.volumes.map(({ id, path, sizeGb }) => ({ id, path, sizeGb })),
    })),
    clusters: all(spec.clusters.map((_, index) => clusterOf(layer, spec, index))),
    caches: spec.caches.map((cache, index) => ({
      name: cache.name,
      machines: cache.machines,
      memoryMb: cache.memoryMb,
      evictionPolicy: cache.evictionPolicy,
      endpoint: { host: cacheHost(layer, spec, cache), port: PORTS.redis },
      application: {
        name: USERS.application,
        password: layer.cacheCredentials[index]!.application,
      },
      backupCipher: layer.cacheBackupCipher,
      sentinel: sentinelOf(layer, spec, cache),
    })),
    loadBalancers: layer.loadBalancers.map(({ loadBalancerId, publicAddress, spec: balancer }) => ({
      name: balancer.name,
      loadBalancerId,
      publicAddress,
      privateAddress: balancer.privateAddress,
      machines: balancer.machines,
      ports: balancer.services.map((service) => service.port),
      targetPorts: [
        ...new Set(balancer.services.flatMap((service) => [service.targetPort, service.check.port])),
      ],
    })),
    buckets: repositories.map((each) => ({
      name: each.bucket,
      endpoint: each.endpoint,
      region: each.region,
      accessKey: each.accessKey,
      secretKey: each.secretKey,
      caCertificate: each.caCertificate,
    })),
    goals: config.backup.goals,
    recovery: config.recovery,
    ssh: { user: "root", privateKey: layer.operator.privateKey },
    caCertificate: layer.caCertificate,
    firewall: { operators: spec.access.operators, database: spec.access.database },
  });
}

function clusterOf(layer: DataLayer, spec: DataLayerSpec, index: number) {
  const cluster = spec.clusters[index]!;
  const credentials = layer.credentials[index]!;
  const { owner, application, readonly } = databaseRoles(cluster.database);
  return output({
    name: cluster.name,
    members: cluster.members,
    gateways: cluster.gateways,
    durability: cluster.durability,
    postgresVersion: cluster.postgresVersion,
    databases: [cluster.database],
    parameters: clusterParameters(cluster, spec),
    extensions: cluster.extensions,
    roles: {
      owner: { name: owner, password: credentials.owner },
      application: { name: application, password: credentials.application },
      readonly: { name: readonly, password: credentials.readonly },
      monitor: { name: MONITOR, password: credentials.monitor },
    },
    backupStanza: cluster.name,
    backupCipher: credentials.backupCipher,
    dumps: cluster.backup.dumps && { databases: cluster.backup.dumps.databases },
  });
}
