import { PORTS } from "../../roles/paths.ts";
import type { Sample } from "./exposition.ts";

/** The programs that give numbers, each with the role that it belongs to (null: every machine has it). */
export const exporters = {
  node: { port: PORTS.nodeExporter, role: null, up: null },
  postgres: { port: PORTS.postgresExporter, role: "patroni", up: "pg_up" },
  pgbouncer: { port: PORTS.pgbouncerExporter, role: "pgbouncer", up: "pgbouncer_up" },
  "pgbouncer-read": { port: PORTS.pgbouncerReadExporter, role: "pgbouncer", up: "pgbouncer_up" },
  redis: { port: PORTS.redisExporter, role: "redis", up: "redis_up" },
} as const;

/** Which of two programs of a kind it is. */
const kinds: Partial<Record<ExporterName, { kind: ExporterName; labels: Record<string, string> }>> = {
  pgbouncer: { kind: "pgbouncer", labels: { for: "writes" } },
  "pgbouncer-read": { kind: "pgbouncer", labels: { for: "reads" } },
};

/** What an exporter's samples say of a metric; nothing where the metric is another exporter's. */
export function readingsOf(metric: MetricEntry, exporter: ExporterName, samples: Sample[]): Reading[] {
  const { kind, labels } = kinds[exporter] ?? { kind: exporter, labels: {} };
  if (metric.exporter !== kind) return [];
  return metric.read(samples).map((reading) => ({ ...reading, labels: { ...reading.labels, ...labels } }));
}

/** Whether a metric is among those that an exporter has to tell. */
export function isOf(metric: MetricEntry, exporter: ExporterName): boolean {
  return metric.exporter === (kinds[exporter]?.kind ?? exporter);
}

export type ExporterName = keyof typeof exporters;

/** A value of a metric, with what tells it from the others of its name. */
export interface Reading {
  labels: Record<string, string>;
  value: number;
}

export interface MetricEntry {
  name: string;
  type: "gauge" | "counter" | "histogram";
  unit: "bytes" | "seconds" | "percent" | "ratio" | "count";
  exporter: ExporterName;
  /** What it is, for people. */
  help: string;
  /** How it is written in PromQL, from what the exporter says. */
  promql: string;
  /** Values outside of it are nonsense, not bad news. */
  range: [least: number, most: number];
  /** Nothing to tell is no fault: an empty database has no tables. */
  mayBeEmpty?: true;
  read(samples: Sample[]): Reading[];
}

const anything: [number, number] = [0, Number.POSITIVE_INFINITY];
const own = ({ labels: { server: _, ...labels }, value }: Sample): Reading => ({ labels, value });
const named = (name: string) => (samples: Sample[]) => samples.filter((one) => one.name === name).map(own);
const sum = (samples: Sample[], name: string) =>
  samples.filter((one) => one.name === name).reduce((total, one) => total + one.value, 0);
const only = (value: number): Reading[] => (Number.isFinite(value) ? [{ labels: {}, value }] : []);

/** What an exporter already calls by the dictionary's name. */
function plain(
  name: string,
  more: Pick<MetricEntry, "type" | "unit" | "help"> & Partial<MetricEntry>,
): MetricEntry {
  return { name, exporter: "postgres", promql: name, range: anything, read: named(name), ...more };
}

/** The metric dictionary, in the order in which it is shown. */
export const dictionary: MetricEntry[] = [
  plain("active_connections", { type: "gauge", unit: "count", help: "connections that do something" }),
  {
    name: "pool_utilization_percent",
    type: "gauge",
    unit: "percent",
    exporter: "pgbouncer",
    help: "of the application's pool; above 100 the reserve is in use",
    promql:
      '100 * pgbouncer_pools_server_active_connections / on (instance, database, user) label_replace(pgbouncer_databases_pool_size, "user", "$1", "database", "(.*)")',
    range: [0, 1000],
    read: poolUtilization,
  },
  {
    name: "connection_wait_time",
    type: "counter",
    unit: "seconds",
    exporter: "pgbouncer",
    help: "that clients waited for a connection, of all of them together",
    promql: "pgbouncer_stats_client_wait_seconds_total",
    // A pooler that nobody has come to yet knows no database.
    mayBeEmpty: true,
    range: anything,
    read: (samples) =>
      named("pgbouncer_stats_client_wait_seconds_total")(samples).filter(
        ({ labels }) => labels.database !== "pgbouncer",
      ),
  },
  plain("connection_errors", { type: "counter", unit: "count", help: "connections that ended badly" }),
  plain("query_cache_hit_ratio", {
    type: "gauge",
    unit: "ratio",
    help: "blocks found in PostgreSQL's buffers",
    range: [0, 1],
  }),
  {
    name: "query_duration_seconds",
    type: "histogram",
    unit: "seconds",
    exporter: "postgres",
    help: "mean of all statements; its buckets count calls by their statement's mean",
    promql: "query_duration_seconds_sum / query_duration_seconds_count",
    range: anything,
    mayBeEmpty: true,
    read: (samples) =>
      only(sum(samples, "query_duration_seconds_sum") / sum(samples, "query_duration_seconds_count")),
  },
  plain("slow_queries_count", {
    type: "counter",
    unit: "count",
    help: "calls of statements that take longer than the threshold on average",
  }),
  plain("deadlock_count", { type: "counter", unit: "count", help: "deadlocks" }),
  plain("replication_lag_seconds", {
    type: "gauge",
    unit: "seconds",
    help: "behind the primary; 0 where all that was received is replayed",
  }),
  plain("replication_lag_bytes", { type: "gauge", unit: "bytes", help: "received and not yet replayed" }),
  plain("vector_search_calls", { type: "counter", unit: "count", help: "vector searches by operator" }),
  plain("vector_search_seconds_mean", {
    type: "gauge",
    unit: "seconds",
    help: "mean time of a vector search",
  }),
  plain("vector_search_seconds_max", {
    type: "gauge",
    unit: "seconds",
    help: "the longest vector search",
  }),
  plain("database_size_bytes", { type: "gauge", unit: "bytes", help: "size on disk" }),
  plain("table_size_bytes", {
    type: "gauge",
    unit: "bytes",
    help: "with indexes and TOAST; the 200 largest",
    mayBeEmpty: true,
  }),
  plain("index_size_bytes", { type: "gauge", unit: "bytes", help: "the 200 largest", mayBeEmpty: true }),
  plain("index_usage_ratio", {
    type: "gauge",
    unit: "ratio",
    help: "scans of a table that went by an index",
    range: [0, 1],
    mayBeEmpty: true,
  }),
  {
    name: "host_memory_used_percent",
    type: "gauge",
    unit: "percent",
    exporter: "node",
    help: "memory that nobody could have at once",
    promql: "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
    range: [0, 100],
    read: (samples) =>
      only(
        100 *
          (1 - sum(samples, "node_memory_MemAvailable_bytes") / sum(samples, "node_memory_MemTotal_bytes")),
      ),
  },
  {
    name: "host_load",
    type: "gauge",
    unit: "count",
    exporter: "node",
    help: "processes that run or want to, over a minute",
    promql: "node_load1",
    range: anything,
    read: named("node_load1"),
  },
  {
    name: "disk_used_percent",
    type: "gauge",
    unit: "percent",
    exporter: "node",
    help: "of the data volume",
    promql:
      '100 * (1 - node_filesystem_avail_bytes{mountpoint="/data"} / node_filesystem_size_bytes{mountpoint="/data"})',
    range: [0, 100],
    mayBeEmpty: true,
    read: diskUse,
  },
  {
    name: "cache_hit_ratio",
    type: "gauge",
    unit: "ratio",
    exporter: "redis",
    help: "reads of Redis that found their key",
    promql: "redis_keyspace_hits_total / (redis_keyspace_hits_total + redis_keyspace_misses_total)",
    range: [0, 1],
    mayBeEmpty: true,
    read: (samples) => {
      const hits = sum(samples, "redis_keyspace_hits_total");
      return only(hits / (hits + sum(samples, "redis_keyspace_misses_total")));
    },
  },
  {
    name: "cache_memory_used_percent",
    type: "gauge",
    unit: "percent",
    exporter: "redis",
    help: "of Redis' memory limit",
    promql: "100 * redis_memory_used_bytes / redis_memory_max_bytes",
    range: [0, 1000],
    read: (samples) =>
      only((100 * sum(samples, "redis_memory_used_bytes")) / sum(samples, "redis_memory_max_bytes")),
  },
  {
    name: "cache_evictions",
    type: "counter",
    unit: "count",
    exporter: "redis",
    help: "keys that went because the memory was full",
    promql: "redis_evicted_keys_total",
    range: anything,
    read: named("redis_evicted_keys_total"),
  },
  {
    name: "cache_replica_connected",
    type: "gauge",
    unit: "count",
    exporter: "redis",
    help: "1 where a replica of Redis hears its primary; a primary does not tell it",
    promql: "redis_master_link_up",
    range: [0, 1],
    mayBeEmpty: true,
    read: named("redis_master_link_up"),
  },
];

/** The application's user is called like its database. */
function poolUtilization(samples: Sample[]): Reading[] {
  return samples
    .filter((one) => one.name === "pgbouncer_databases_pool_size" && one.labels.database !== "pgbouncer")
    .map(({ labels: { database }, value: size }) => {
      const active = samples.find(
        (one) =>
          one.name === "pgbouncer_pools_server_active_connections" &&
          one.labels.database === database &&
          one.labels.user === database,
      );
      return { labels: { database: database! }, value: (100 * (active?.value ?? 0)) / size };
    });
}

function diskUse(samples: Sample[]): Reading[] {
  const data = samples.filter((one) => one.labels.mountpoint === "/data");
  return only(100 * (1 - sum(data, "node_filesystem_avail_bytes") / sum(data, "node_filesystem_size_bytes")));
}
