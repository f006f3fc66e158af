import type { Blueprint, Cache, Cluster, Node, NodeGroup } from "../blueprint.ts";

/**
 * What there is while a stack moves from one phase to another, up or down: everything of both. What only `to` has
 * joins what runs; what only `from` has still serves until it is taken away.
 */
export function transition(from: Blueprint, to: Blueprint): Blueprint {
  return {
    ...to,
    phase: from.phase,
    nodes: unitedNodes(from.nodes, to.nodes),
    consensus: {
      members: united(from.consensus.members, to.consensus.members),
      joining: without(to.consensus.members, from.consensus.members),
    },
    clusters: merged(from.clusters, to.clusters, "name", unitedCluster),
    proxies: merged(from.proxies, to.proxies, "cluster", unitedPlaces),
    poolers: merged(from.poolers, to.poolers, "cluster", unitedPlaces),
    balancers: merged(from.balancers, to.balancers, "name", (before, after) => ({
      ...after,
      to: united(before.to, after.to),
    })),
    applications: merged(from.applications, to.applications, "name", unitedPlaces),
    caches: merged(from.caches, to.caches, "name", unitedCache),
    buckets: merged(from.buckets, to.buckets, "name", (_, after) => after),
    backups: merged(from.backups, to.backups, "cluster", (_, after) => after),
  };
}

function unitedCluster(before: Cluster, after: Cluster): Cluster {
  return {
    ...after,
    members: united(before.members, after.members),
    joining: without(after.members, before.members),
  };
}

function unitedCache(before: Cache, after: Cache): Cache {
  return {
    ...unitedPlaces(before, after),
    gateways: united(before.gateways, after.gateways),
    sentinels: united(before.sentinels, after.sentinels),
  };
}

function unitedPlaces<T extends { on: string[] }>(before: T, after: T): T {
  return { ...after, on: united(before.on, after.on) };
}

const groups: NodeGroup[] = ["core", "db", "app"];

/** In the order of a phase that had all of them. A disk is the larger one: none shrinks. */
function unitedNodes(before: Node[], after: Node[]): Node[] {
  const both = merged(before, after, "name", (old, now) => ({
    ...now,
    storageGb:
      old.storageGb === null && now.storageGb === null
        ? null
        : Math.max(old.storageGb ?? 0, now.storageGb ?? 0),
  }));
  return both.sort((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group) || a.number - b.number);
}

/** All of both lists, joined where both have one of the same name. */
function merged<T, Key extends keyof T>(
  before: T[],
  after: T[],
  key: Key,
  join: (before: T, after: T) => T,
): T[] {
  const kept = before.map((old) => {
    const now = after.find((each) => each[key] === old[key]);
    return now ? join(old, now) : old;
  });
  return [...kept, ...after.filter((now) => !before.some((old) => old[key] === now[key]))];
}

function united(before: string[], after: string[]): string[] {
  return [...new Set([...before, ...after])];
}

function without(names: string[], taken: string[]): string[] {
  return names.filter((name) => !taken.includes(name));
}
