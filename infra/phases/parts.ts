import type { Blueprint, Node, NodeGroup, PhaseNumber } from "../blueprint.ts";
import type { Config } from "../config.ts";
import { cachesOf, secondOf } from "./caches.ts";

/** The name of the PostgreSQL cluster, in every phase: its backups are kept under it. */
const cluster = "main";

/** Which nodes there are, and which of them carry what. */
export interface Places {
  phase: PhaseNumber;
  nodes: Node[];
  /** Names of nodes. */
  voters: string[];
  members: string[];
  gateways: string[];
}

/** A node of a group; its name never means another one. */
export function node(group: NodeGroup, number: number, config: Config): Node {
  return {
    name: `${group}-${number}`,
    group,
    number,
    storageGb: group === "app" ? null : config.volume.sizeGb,
  };
}

/** What all phases have, at its places: one PostgreSQL cluster with its consensus, gateways and backups. */
export function dataLayer({ phase, nodes, voters, members, gateways }: Places, config: Config): Blueprint {
  const { database } = config;
  const { keepDeletedDays, keepOnDestroy, secondRepository: _, ...schedule } = config.backup;
  const second = secondOf(config.backup);
  return {
    phase,
    environment: config.environment,
    nodes,
    consensus: { members: voters, joining: [] },
    clusters: [
      {
        name: cluster,
        members,
        joining: [],
        durability: database.durability,
        maximumReadLagSeconds: database.readLagSeconds,
        postgresVersion: database.postgresVersion,
        database: database.name,
        parameters: database.parameters,
        extensions: database.extensions,
      },
    ],
    proxies: [{ cluster, on: gateways }],
    poolers: [{ cluster, on: gateways, ...config.pools }],
    balancers: [],
    applications: [],
    // On the first gateway: clients know it in every phase.
    caches: cachesOf(config, { on: gateways.slice(0, 1), gateways: gateways.slice(0, 1), sentinels: [] }),
    buckets: ["backups", ...(second ? [second.bucket] : [])].map((name) => ({
      name,
      keepDeletedDays,
      keepOnDestroy,
    })),
    backups: [{ cluster, bucket: "backups", second, ...schedule }],
  };
}

export function names(nodes: Node[]): string[] {
  return nodes.map((each) => each.name);
}
