import type { Blueprint, Node, NodeGroup } from "../blueprint.ts";
import type { Config } from "../config.ts";
import { findServerType, type Location, type LocationName, locations } from "./catalogue.ts";

/**
 * What a blueprint becomes on Hetzner: plain data, complete, without a secret. Every name and private address is
 * derived, so that the same stack always gets the same ones and growing changes none.
 */
export interface Plan {
  stack: string;
  phase: number;
  location: LocationName;
  networkZone: Location["networkZone"];
  network: NetworkPlan;
  firewalls: FirewallPlan[];
  placementGroups: PlacementGroupPlan[];
  machines: MachinePlan[];
  /** The blueprint's bucket names and what they are called in the object storage. */
  buckets: { name: string; bucket: string }[];
}

export interface NetworkPlan {
  name: string;
  range: string;
  subnets: { name: SubnetName; range: string }[];
}

export type SubnetName = "data" | "apps";

export interface FirewallPlan {
  /** The group of machines that it is for. */
  name: NodeGroup;
  /** What may come in from the internet; everything else is dropped. Private networks do not pass through it. */
  rules: { description: string; protocol: "tcp" | "icmp"; port: string | null; sources: string[] }[];
}

/** Machines of one group stand on different hardware. */
export interface PlacementGroupPlan {
  name: NodeGroup;
}

export interface MachinePlan {
  /** As the node: `core-1`. */
  name: string;
  group: NodeGroup;
  serverType: string;
  architecture: "x86" | "arm";
  cores: number;
  memoryMb: number;
  image: string;
  subnet: SubnetName;
  privateAddress: string;
  firewall: NodeGroup;
  placementGroup: NodeGroup | null;
  volumes: { name: string; sizeGb: number; filesystem: "ext4"; path: string }[];
  roles: MachineRole[];
}

/** What a machine carries. Settings of a role come from the blueprint's service of that kind. */
export type MachineRole = "etcd" | "postgres" | "haproxy" | "pgbouncer" | "pgbackrest";

const image = "debian-13";
const networkRange = "10.0.0.0/16";
const subnets: Record<SubnetName, string> = { data: "10.0.1.0/24", apps: "10.0.2.0/24" };

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
  const crowded = groups.filter((group) => blueprint.nodes.filter((node) => node.group === group).length > 1);
  const used = new Set(blueprint.nodes.map((node) => places[node.group].subnet));
  return {
    stack,
    phase: blueprint.phase,
    location: config.location,
    networkZone: locations[config.location].networkZone,
    network: {
      name: "network",
      range: networkRange,
      subnets: (["data", "apps"] as const)
        .filter((name) => used.has(name))
        .map((name) => ({ name, range: subnets[name] })),
    },
    firewalls: groups.map((name) => ({ name, rules: firewallRules(name, blueprint, config) })),
    placementGroups: crowded.map((name) => ({ name })),
    machines: blueprint.nodes.map((node) => machine(node, blueprint, config, crowded.includes(node.group))),
    buckets: blueprint.buckets.map(({ name }) => ({ name, bucket: config.objectStorage.bucket })),
  };
}

function machine(node: Node, blueprint: Blueprint, config: Config, spread: boolean): MachinePlan {
  const type = findServerType(config.server.type);
  if (!type) throw new Error(`unknown server type ${config.server.type}`);
  return {
    name: node.name,
    group: node.group,
    serverType: type.name,
    architecture: type.architecture,
    cores: type.cores,
    memoryMb: type.memoryGb * 1024,
    image,
    subnet: places[node.group].subnet,
    privateAddress: privateAddress(node),
    firewall: node.group,
    placementGroup: spread ? node.group : null,
    volumes:
      node.storageGb === null
        ? []
        : [{ name: "data", sizeGb: node.storageGb, filesystem: "ext4", path: "/data" }],
    roles: rolesOn(node.name, blueprint),
  };
}

/** In the order in which they are brought up: who is needed comes first. */
function rolesOn(node: string, blueprint: Blueprint): MachineRole[] {
  const holdsData = blueprint.clusters.some((cluster) => cluster.members.includes(node));
  const carried: Record<MachineRole, boolean> = {
    etcd: blueprint.consensus.members.includes(node),
    pgbackrest: holdsData,
    postgres: holdsData,
    haproxy: blueprint.proxies.some((proxy) => proxy.on.includes(node)),
    pgbouncer: blueprint.poolers.some((pooler) => pooler.on.includes(node)),
  };
  return (Object.keys(carried) as MachineRole[]).filter((role) => carried[role]);
}

const sshPort = "22";
const poolerPort = "6432";

function firewallRules(group: NodeGroup, blueprint: Blueprint, config: Config): FirewallPlan["rules"] {
  const { operators, database } = config.access;
  const gateway = blueprint.nodes.some(
    (node) => node.group === group && blueprint.poolers.some((pooler) => pooler.on.includes(node.name)),
  );
  const reachable = gateway ? [...new Set([...operators, ...database])] : operators;
  const rules: FirewallPlan["rules"] = [
    { description: "SSH for operators", protocol: "tcp", port: sshPort, sources: operators },
    { description: "ping, and path MTU discovery", protocol: "icmp", port: null, sources: reachable },
  ];
  if (gateway)
    rules.push({ description: "the database", protocol: "tcp", port: poolerPort, sources: database });
  return rules.filter((rule) => rule.sources.length > 0);
}
