import type { EvictionPolicy } from "../roles/redis.ts";

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
/**
 * What an acknowledged write has survived: `async`, the primary's own disk; `sync`, that of a standby too, which alone
 * may take the primary's place then.
 */
export type Durability = "async" | "sync";
export type ParameterValue = string | number | boolean;

export interface Blueprint {
  phase: PhaseNumber;
  environment: Environment;
  nodes: Node[];
  consensus: Consensus;
  clusters: Cluster[];
  proxies: Proxy[];
  poolers: Pooler[];
  caches: Cache[];
  balancers: Balancer[];
  applications: Application[];
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
  /** Nodes with a vote. Always an odd number once nobody is joining. */
  members: string[];
  /** Those of them that enter a store that runs already, in the order in which they do; the others began with it. */
  joining: string[];
}

export interface Cluster {
  name: string;
  /** Nodes that hold a copy of the data. */
  members: string[];
  /** Those of them that enter a cluster that runs already: nobody waits for their copies. */
  joining: string[];
  durability: Durability;
  /** A standby that is further behind serves no reads. */
  maximumReadLagSeconds: number;
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

/** One place for clients in front of several nodes that do the same. */
export interface Balancer {
  name: string;
  /** The nodes that it spreads clients over. */
  to: string[];
  /** The part of its network that it is in. */
  beside: NodeGroup;
  /** Whether the internet reaches it: Hetzner's firewalls do not stand in front of load balancers. */
  public: boolean;
  services: BalancedService[];
}

export interface BalancedService {
  protocol: "tcp" | "http";
  port: number;
  /** On the nodes. */
  targetPort: number;
  /** Of a node's health, over HTTP where there is a path. */
  check: {
    port: number;
    path: string | null;
    intervalSeconds: number;
    timeoutSeconds: number;
    retries: number;
  };
}

/** What uses the data layer, with everything that it needs to reach it. */
export interface Application {
  name: string;
  on: string[];
  cluster: string;
  /** Where it answers, its `/health` among the rest. */
  port: number;
}

/** Data that is kept in memory first. */
export interface Cache {
  name: string;
  /** The first is the primary at first, the others are its replicas. */
  on: string[];
  /** Where clients connect. */
  gateways: string[];
  /** An odd number that agrees on who is the primary; nobody where there is one place only. */
  sentinels: string[];
  /** What its data may take. */
  memoryMb: number;
  /** What goes when that is full. */
  evictionPolicy: EvictionPolicy;
  /** Each day. */
  backup: Pick<Backup, "bucket" | "second" | "time" | "retentionDays">;
}

/** The bucket of the second repository, in every phase. */
export const SECOND_BUCKET = "second-backups";

export interface Bucket {
  name: string;
  /** How long what was deleted or overwritten can be got back; 0: not at all. */
  keepDeletedDays: number;
  /** Whether it stays, with all that is in it, when the stack is destroyed. */
  keepOnDestroy: boolean;
}

/** Portable dumps of databases, each day. */
export interface Dumps {
  /** UTC, as "03:00". */
  at: string;
  databases: string[];
  keepDays: number;
  /** Connections at once. */
  jobs: number;
}

export interface Backup {
  cluster: string;
  /** A bucket's name in this blueprint. */
  bucket: string;
  /** Everything goes there too; null: nowhere else. */
  second: { bucket: string; retentionDays: number } | null;
  /** Null: none are made. */
  dumps: Dumps | null;
  /** UTC, as "02:00". */
  time: string;
  fullOn: Weekday;
  retentionDays: number;
  /** Share of a member's volume that log may take while the storage does not answer. */
  queuePercent: number;
}
