import type { LoadBalancerSpec } from "../../components/loadBalancer.ts";
import type {
  BucketSpec,
  ClusterSpec,
  DataLayerSpec,
  MachineRole,
  MachineSpec,
} from "../../components/spec.ts";
import {
  type Balancer,
  type Blueprint,
  type Bucket,
  type Cluster,
  type Node,
  type NodeGroup,
  SECOND_BUCKET,
} from "../blueprint.ts";
import type { Config } from "../config.ts";
import { findServerType, locations } from "./catalogue.ts";

/**
 * What a blueprint becomes on Hetzner: plain data, complete, without a secret. Every name and private address is
 * derived, so that the same stack always gets the same ones and growing changes none.
 */
export type Plan = DataLayerSpec;

const image = "debian-13";
/** It grows while it is mounted, in containers too: ext4 wants a capability for it that many hosts do not have. */
const filesystem = "xfs";
const networkRange = "10.0.0.0/16";
const subnets = { data: "10.0.1.0/24", apps: "10.0.2.0/24" } as const;
type SubnetName = keyof typeof subnets;

/** Where a group's machines are: `first` plus a node's number is the last part of its address. */
const places = {
  core: { subnet: "data", first: 10 },
  db: { subnet: "data", first: 20 },
  app: { subnet: "apps", first: 10 },
} satisfies Record<NodeGroup, { subnet: SubnetName; first: number }>;

export function privateAddress({ group, number }: Pick<Node, "group" | "number">): string {
  const { first, subnet } = places[group];
  return subnets[subnet].replace(/0\/24$/, String(first + number));
}

/** Decides every machine, network, address and rule of a stack on Hetzner. */
export function hetznerPlan(blueprint: Blueprint, config: Config, stack: string): Plan {
  const groups = [...new Set(blueprint.nodes.map((node) => node.group))];
  const used = new Set<SubnetName>(blueprint.nodes.map((node) => places[node.group].subnet));
  const { access, deletionProtection, endpoint, location } = config;
  return {
    stack,
    location,
    networkZone: locations[location].networkZone,
    network: {
      name: "network",
      range: networkRange,
      subnets: (["data", "apps"] as const)
        .filter((name) => used.has(name))
        .map((name) => ({ name, range: subnets[name] })),
    },
    firewalls: groups.map((name) => ({ name, rules: firewallRules(name, blueprint, config) })),
    // From the first machine on: a running server can enter no group any more.
    placementGroups: groups.map((name) => ({ name })),
    machines: blueprint.nodes.map((node) => machine(node, blueprint, config)),
    consensus: blueprint.consensus,
    clusters: blueprint.clusters.map((cluster) => clusterPlan(cluster, blueprint)),
    caches: blueprint.caches.map(({ on: machines, ...cache }) => ({ ...cache, machines })),
    loadBalancers: blueprint.balancers.map((balancer) => loadBalancer(balancer, config)),
    applications: blueprint.applications.map(({ on: machines, ...application }) => ({
      ...application,
      machines,
    })),
    buckets: blueprint.buckets.map((each) => bucket(each, config)),
    access: { ...access, applications: [subnets.apps] },
    metrics: config.metrics.enabled ? { peers: config.metrics.peers } : null,
    alerts: alertsPlan(blueprint, config),
    domain: endpoint.domain,
    deletionProtection,
  };
}

/** On the first gateway, which is there in every phase. */
function alertsPlan({ nodes }: Blueprint, { alerts, backup }: Config): DataLayerSpec["alerts"] {
  const first = nodes.find(({ group, number }) => group === "core" && number === 1);
  if (!alerts || !first) return null;
  const { email, heartbeat, monitoring, repeatHours, runbooks, slack, webhook } = alerts;
  const { drillDays, disasterDrillDays } = backup.goals;
  const goals = [
    { kind: "restore" as const, days: drillDays },
    { kind: "disaster" as const, days: disasterDrillDays },
  ];
  return {
    machine: first.name,
    webhook: webhook !== undefined,
    slack: slack !== undefined,
    heartbeat: heartbeat !== undefined,
    email: email ? { to: email.to, from: email.from, server: email.server, user: email.user ?? null } : null,
    runbooks,
    monitoring,
    repeatHours,
    drills: goals.filter(({ days }) => days > 0),
  };
}

function machine(node: Node, blueprint: Blueprint, config: Config): MachineSpec {
  const type = findServerType(config.server.type);
  if (!type) throw new Error(`unknown server type ${config.server.type}`);
  return {
    name: node.name,
    serverType: type.name,
    cores: type.cores,
    memoryMb: type.memoryGb * 1024,
    image,
    subnet: places[node.group].subnet,
    privateAddress: privateAddress(node),
    firewall: node.group,
    placementGroup: node.group,
    volumes:
      node.storageGb === null ? [] : [{ name: "data", sizeGb: node.storageGb, filesystem, path: "/data" }],
    roles: rolesOn(node.name, blueprint),
  };
}

/** In the order in which they are brought up: who is needed comes first. */
function rolesOn(node: string, blueprint: Blueprint): MachineRole[] {
  const holdsData = blueprint.clusters.some((cluster) => cluster.members.includes(node));
  const carried: Record<MachineRole, boolean> = {
    etcd: blueprint.consensus.members.includes(node),
    pgbackrest: holdsData,
    patroni: holdsData,
    dump: blueprint.backups.some(
      ({ cluster, dumps }) => dumps !== null && isMember(node, cluster, blueprint),
    ),
    readGate: holdsData,
    sentinel: blueprint.caches.some((cache) => cache.sentinels.includes(node)),
    redis: blueprint.caches.some((cache) => cache.on.includes(node)),
    redisBackup: blueprint.caches.some((cache) => cache.on.includes(node)),
    cacheGate: blueprint.caches.some((cache) => cache.sentinels.length > 0 && cache.gateways.includes(node)),
    haproxy: blueprint.proxies.some((proxy) => proxy.on.includes(node)),
    pgbouncer: blueprint.poolers.some((pooler) => pooler.on.includes(node)),
    application: blueprint.applications.some((application) => application.on.includes(node)),
  };
  return (Object.keys(carried) as MachineRole[]).filter((role) => carried[role]);
}

function isMember(node: string, cluster: string, { clusters }: Blueprint): boolean {
  return clusters.some(({ members, name }) => name === cluster && members.includes(node));
}

function clusterPlan(cluster: Cluster, blueprint: Blueprint): ClusterSpec {
  const pooler = blueprint.poolers.find((each) => each.cluster === cluster.name);
  const backup = blueprint.backups.find((each) => each.cluster === cluster.name);
  if (!pooler || !backup) throw new Error(`the cluster ${cluster.name} has no pooler or no backup`);
  const { name, members, joining, durability, maximumReadLagSeconds } = cluster;
  const { postgresVersion, database, extensions, parameters } = cluster;
  const { bucket: bucketName, dumps, second, time, fullOn, retentionDays, queuePercent } = backup;
  return {
    name,
    members,
    joining,
    gateways: pooler.on,
    durability,
    maximumReadLagSeconds,
    postgresVersion,
    database,
    extensions,
    parameters,
    pool: { size: pooler.size, reserve: pooler.reserve },
    maxClients: pooler.maxClients,
    backup: { bucket: bucketName, second, dumps, time, fullOn, retentionDays, queuePercent },
  };
}

/** Below the machines' addresses. One a subnet. */
const balancerAddress = 5;

function loadBalancer({ to, beside, ...balancer }: Balancer, config: Config): LoadBalancerSpec {
  return {
    ...balancer,
    type: config.loadBalancer.type,
    privateAddress: subnets[places[beside].subnet].replace(/0\/24$/, String(balancerAddress)),
    machines: to,
  };
}

function bucket(bucket: Bucket, { backup, objectStorage }: Config): BucketSpec {
  const place = bucket.name === SECOND_BUCKET ? backup.secondRepository : objectStorage;
  if (place === null) throw new Error(`no settings say where the bucket ${bucket.name} is`);
  const { bucket: physical, endpoint, region, caCertificate } = place;
  return { ...bucket, bucket: physical, endpoint, region, caCertificate };
}

const sshPort = "22";
const poolerPort = "6432";
const readPort = "6433";
const cachePort = "6379";

function firewallRules(group: NodeGroup, blueprint: Blueprint, config: Config) {
  const { operators, database } = config.access;
  const carries = (services: { on: string[] }[]) =>
    blueprint.nodes.some(
      (node) => node.group === group && services.some((service) => service.on.includes(node.name)),
    );
  const gateway = carries(blueprint.poolers);
  const cache = carries(blueprint.caches.map((each) => ({ on: each.gateways })));
  const reachable = gateway || cache ? [...new Set([...operators, ...database])] : operators;
  const rules: DataLayerSpec["firewalls"][number]["rules"] = [
    { description: "SSH for operators", protocol: "tcp", port: sshPort, sources: operators },
    { description: "ping, and path MTU discovery", protocol: "icmp", port: null, sources: reachable },
  ];
  if (gateway) {
    rules.push({ description: "the database", protocol: "tcp", port: poolerPort, sources: database });
    rules.push({ description: "the database, reads", protocol: "tcp", port: readPort, sources: database });
  }
  if (cache) rules.push({ description: "the cache", protocol: "tcp", port: cachePort, sources: database });
  return rules.filter((rule) => rule.sources.length > 0);
}
