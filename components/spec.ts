import type { AlertReceivers, DrillGoal } from "../roles/alerts/alerts.ts";
import type { OriginSettings } from "../roles/origin.ts";
import type { Durability } from "../roles/patroniConfiguration.ts";
import type { Weekday } from "../roles/pgbackrest.ts";
import type { RedisSettings } from "../roles/redis.ts";
import type { FirewallSpec } from "./firewall.ts";
import type { LoadBalancerSpec } from "./loadBalancer.ts";
import type { NetworkSpec } from "./network.ts";

/**
 * A whole data layer as plain data, without a secret: what there is on which machine, decided elsewhere and only
 * rendered here.
 */
export interface DataLayerSpec {
  stack: string;
  location: string;
  networkZone: string;
  network: NetworkSpec;
  firewalls: FirewallSpec[];
  placementGroups: { name: string }[];
  machines: MachineSpec[];
  consensus: ConsensusSpec;
  clusters: ClusterSpec[];
  caches: CacheSpec[];
  loadBalancers: LoadBalancerSpec[];
  applications: ApplicationSpec[];
  buckets: BucketSpec[];
  access: AccessSpec;
  /** Where a cluster that is made now takes its first data from; left out: it begins empty. */
  origin?: OriginSpec;
  /** Null: nobody measures. */
  metrics: MetricsSpec | null;
  /** Null: nobody is told of anything. */
  alerts: AlertsSpec | null;
  /** The name that clients connect to; null: they use an address. */
  domain: string | null;
  /** Protects what holds data, in Pulumi and at Hetzner. */
  deletionProtection: boolean;
}

export interface MachineSpec {
  /** The host name, and what all its resources are named after. */
  name: string;
  serverType: string;
  cores: number;
  memoryMb: number;
  /** Name of the system image. */
  image: string;
  /** Name of a subnet of the network. */
  subnet: string;
  privateAddress: string;
  /** Names of a firewall and a placement group of the same data layer. */
  firewall: string;
  placementGroup: string;
  volumes: VolumeSpec[];
  /** In the order in which they are brought up. */
  roles: MachineRole[];
}

/** What a machine carries beside the parts that all machines have. */
export type MachineRole =
  | "etcd"
  | "pgbackrest"
  | "patroni"
  | "dump"
  | "readGate"
  | "sentinel"
  | "redis"
  | "redisBackup"
  | "cacheGate"
  | "haproxy"
  | "pgbouncer"
  | "application";

export interface VolumeSpec {
  name: string;
  sizeGb: number;
  filesystem: "ext4" | "xfs";
  /** Where it is mounted. */
  path: string;
}

export interface ConsensusSpec {
  /** Names of machines. */
  members: string[];
  /** Those of them that enter a store that runs already, in the order in which they do. */
  joining: string[];
}

export type { Durability };

export interface ClusterSpec {
  name: string;
  /** Machines that hold the data, and those where clients connect. */
  members: string[];
  /** Members that enter a cluster that runs already: nobody waits for them. */
  joining: string[];
  gateways: string[];
  durability: Durability;
  /** A standby that is further behind serves no reads. */
  maximumReadLagSeconds: number;
  postgresVersion: number;
  database: string;
  extensions: string[];
  /** What wins over the parameters that are derived from the machine. */
  parameters: Record<string, string | number | boolean>;
  pool: { size: number; reserve: number };
  maxClients: number;
  backup: BackupSpec;
}

/** What uses a cluster. */
export interface ApplicationSpec {
  name: string;
  machines: string[];
  cluster: string;
  /** Where it answers. */
  port: number;
}

/** A Redis. */
export interface CacheSpec extends RedisSettings {
  name: string;
  /** The first is the primary at first, the others are its replicas. */
  machines: string[];
  /** Machines where clients connect. */
  gateways: string[];
  /** Machines whose Sentinels agree on who is the primary; nobody where the cache has one Redis. */
  sentinels: string[];
  /** Each day. */
  backup: Pick<BackupSpec, "bucket" | "second" | "time" | "retentionDays">;
}

/** The repository of another stack's cluster. */
export interface OriginSpec extends Omit<OriginSettings, "postgresVersion"> {
  /** The cluster of this data layer that begins with it. */
  cluster: string;
  /** How long its first data may take to come, before it counts as failed. */
  patienceSeconds: number;
}

export interface BackupSpec {
  /** Name of a bucket of the same data layer. */
  bucket: string;
  /** Another one, to which everything goes too. */
  second: { bucket: string; retentionDays: number } | null;
  /** Portable dumps into each of them; null: none are made. `at` in UTC, as "03:00", `jobs` connections at once. */
  dumps: { at: string; databases: string[]; keepDays: number; jobs: number } | null;
  /** UTC, as "02:00". */
  time: string;
  fullOn: Weekday;
  retentionDays: number;
  /** Share of a member's volume that log may take while the storage does not answer. */
  queuePercent: number;
}

export interface BucketSpec {
  /** In this data layer. */
  name: string;
  /** In the object storage. */
  bucket: string;
  /** With scheme, without a path. */
  endpoint: string;
  region: string;
  /** PEM of the authority of the endpoint's certificate; null for the public ones. */
  caCertificate: string | null;
  /** How long what was deleted or overwritten can be got back; 0: not at all. */
  keepDeletedDays: number;
  /** Whether it stays, with all that is in it, when the stack is destroyed. */
  keepOnDestroy: boolean;
}

export interface MetricsSpec {
  /** CIDRs in the private network that may ask the exporters. */
  peers: string[];
}

export interface AlertsSpec extends AlertReceivers {
  /** The machine that asks all exporters and sends alerts. */
  machine: string;
  /** How old the last good drill of each kind may be. */
  drills: Omit<DrillGoal, "cluster">[];
}

export interface AccessSpec {
  /** CIDRs that may reach SSH, and the database's port. */
  operators: string[];
  database: string[];
  /** CIDRs in the private network where applications are. */
  applications: string[];
  /** OpenSSH public keys by person. */
  keys: Record<string, string[]>;
}
