/**
 * What a phase consists of, with no vendor in it: services, and on which nodes they are. A node is a place with a
 * name that never changes; a plan makes a machine of it.
 */
export const phaseNames = {
  1: "single",
  2: "managed",
  3: "replicated",
  4: "sharded",
  5: "multi-region",
} as const;

export type PhaseNumber = keyof typeof phaseNames;
export type Environment = "dev" | "staging" | "production";
export type Weekday = "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";
export type ParameterValue = string | number | boolean;

export interface Blueprint {
  phase: PhaseNumber;
  environment: Environment;
  nodes: Node[];
  consensus: Consensus;
  clusters: Cluster[];
  proxies: Proxy[];
  poolers: Pooler[];
  buckets: Bucket[];
  backups: Backup[];
}

/** `core` carries gateways and votes, `db` databases, `app` applications. */
export type NodeGroup = "core" | "db" | "app";

export interface Node {
  /** Group and number, as `core-1`. */
  name: string;
  group: NodeGroup;
  /** From 1, never given to another node of the group. */
  number: number;
  /** Size of the disk that outlives the machine; null where nothing has to. */
  storageGb: number | null;
}

/** The store that holds the lock of every cluster's leader. */
export interface Consensus {
  /** Nodes with a vote. */
  members: string[];
}

export interface Cluster {
  name: string;
  /** Nodes that hold a copy of the data. */
  members: string[];
  postgresVersion: 17;
  database: string;
  /** What the stack's file sets; the rest is derived from the machine. */
  parameters: Record<string, ParameterValue>;
  extensions: string[];
}

/** Knows who leads a cluster and sends connections there. */
export interface Proxy {
  cluster: string;
  on: string[];
}

/** Where clients connect. */
export interface Pooler {
  cluster: string;
  on: string[];
  /** Connections to PostgreSQL for each pair of database and user, and how many more in a rush. */
  size: number;
  reserve: number;
  maxClients: number;
}

export interface Bucket {
  name: string;
}

export interface Backup {
  cluster: string;
  /** A bucket's name in this blueprint. */
  bucket: string;
  /** UTC, as "02:00". */
  time: string;
  fullOn: Weekday;
  retentionDays: number;
}
