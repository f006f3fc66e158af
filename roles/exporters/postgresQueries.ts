import { stringify } from "yaml";

/** A column's part in a metric. */
type Usage = "LABEL" | "GAUGE" | "COUNTER" | "HISTOGRAM";

/** One query of the exporter; its metrics are called `<name>_<column>`. */
export interface MetricQuery {
  name: string;
  /** Seconds for which an answer is kept: what walks over all tables is not asked at every scrape. */
  cacheSeconds: number;
  sql: string;
  columns: [name: string, usage: Usage, description: string][];
}

/** Statements of the vector search, by the operator of pgvector that they order by. */
const VECTOR_OPERATORS = ["<->", "<=>", "<#>"];
/** Seconds. 0.1 and 1 are the requirements' two thresholds, 0.5 is where PostgreSQL's log begins. */
const SLOW = [0.1, 0.5, 1];
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];
/** More tables and indexes than that make more series than anybody looks at; the largest come first. */
const MOST_RELATIONS = 200;

/** In pg_stat_database: what is shared by all databases has no name, templates have no clients. */
const OWN = "datname IS NOT NULL AND datname NOT LIKE 'template_'";

const datname: MetricQuery["columns"][number] = ["datname", "LABEL", "Database"];
const table: MetricQuery["columns"] = [
  ["schemaname", "LABEL", "Schema"],
  ["relname", "LABEL", "Table"],
];
const seconds = (expression: string) => `coalesce(${expression}, 0) / 1000`;
/** Statements of this database; others' texts are none of its business. */
const STATEMENTS =
  "pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid AND d.datname = current_database()";

/** What PostgreSQL is asked beside what the exporter asks by itself: the metric dictionary's queries. */
export const METRIC_QUERIES: MetricQuery[] = [
  {
    name: "active",
    cacheSeconds: 0,
    sql: `SELECT d.datname, count(a.pid) AS connections
FROM pg_database d LEFT JOIN pg_stat_activity a
  ON a.datid = d.oid AND a.backend_type = 'client backend' AND a.state <> 'idle' AND a.pid <> pg_backend_pid()
WHERE NOT d.datistemplate GROUP BY d.datname`,
    columns: [datname, ["connections", "GAUGE", "Connections that do something or hold a transaction open"]],
  },
  {
    name: "connection",
    cacheSeconds: 0,
    sql: `SELECT datname, kind, errors FROM pg_stat_database,
  LATERAL (VALUES ('fatal', sessions_fatal), ('abandoned', sessions_abandoned), ('killed', sessions_killed)) AS e (kind, errors)
WHERE ${OWN}`,
    columns: [
      datname,
      ["kind", "LABEL", "fatal: ended by an error; abandoned: the client was lost; killed: by an operator"],
      ["errors", "COUNTER", "Connections that did not end as they should"],
    ],
  },
  {
    name: "query_cache_hit",
    cacheSeconds: 0,
    sql: `SELECT datname, blks_hit::float8 / nullif(blks_hit + blks_read, 0) AS ratio
FROM pg_stat_database WHERE ${OWN} AND blks_hit + blks_read > 0`,
    columns: [
      datname,
      ["ratio", "GAUGE", "Share of blocks found in PostgreSQL's buffers since the statistics began"],
    ],
  },
  {
    name: "database_size",
    cacheSeconds: 60,
    sql: present("SELECT datname, pg_database_size(oid) AS bytes FROM pg_database WHERE NOT datistemplate"),
    columns: [datname, ["bytes", "GAUGE", "Size on disk"]],
  },
  {
    name: "table_size",
    cacheSeconds: 60,
    sql: `${present(`SELECT schemaname, relname, pg_total_relation_size(relid) AS bytes
FROM pg_stat_user_tables`)} ORDER BY bytes DESC LIMIT ${MOST_RELATIONS}`,
    columns: [...table, ["bytes", "GAUGE", "Size on disk with indexes and TOAST"]],
  },
  {
    name: "index_size",
    cacheSeconds: 60,
    sql: `${present(`SELECT schemaname, relname, indexrelname, pg_relation_size(indexrelid) AS bytes
FROM pg_stat_user_indexes`)} ORDER BY bytes DESC LIMIT ${MOST_RELATIONS}`,
    columns: [...table, ["indexrelname", "LABEL", "Index"], ["bytes", "GAUGE", "Size on disk"]],
  },
  {
    name: "index_usage",
    cacheSeconds: 60,
    sql: `SELECT schemaname, relname, coalesce(idx_scan, 0)::float8 / (seq_scan + coalesce(idx_scan, 0)) AS ratio
FROM pg_stat_user_tables WHERE seq_scan + coalesce(idx_scan, 0) > 0
ORDER BY pg_relation_size(relid) DESC LIMIT ${MOST_RELATIONS}`,
    columns: [...table, ["ratio", "GAUGE", "Share of scans that went by an index"]],
  },
  {
    name: "deadlock",
    cacheSeconds: 0,
    sql: `SELECT datname, deadlocks AS count FROM pg_stat_database WHERE ${OWN}`,
    columns: [datname, ["count", "COUNTER", "Deadlocks"]],
  },
  replicationLag(),
  {
    name: "slow_queries",
    cacheSeconds: 15,
    sql: `SELECT current_database() AS datname, t.threshold,
  coalesce(sum(s.calls) FILTER (WHERE s.mean_exec_time > t.threshold * 1000), 0) AS count
FROM (VALUES ${SLOW.map((one) => `(${one}::float8)`).join(", ")}) AS t (threshold) LEFT JOIN (${STATEMENTS}) ON true GROUP BY 2`,
    columns: [
      datname,
      ["threshold", "LABEL", "Seconds"],
      ["count", "COUNTER", "Calls of statements that take longer than that on average"],
    ],
  },
  queryDuration(),
  vectorSearch(),
];

/** Without what was dropped while it was looked at: that has no size any more, which the exporter would tell as NaN. */
function present(sizes: string): string {
  return `SELECT * FROM (${sizes}) AS sizes WHERE bytes IS NOT NULL`;
}

/**
 * A primary is never behind itself. A standby that has replayed all that it received is not behind while it still
 * receives, however long ago the last transaction was; without a receiver nobody knows, and the time counts.
 */
function replicationLag(): MetricQuery {
  return {
    name: "replication_lag",
    cacheSeconds: 0,
    sql: `SELECT CASE
  WHEN NOT pg_is_in_recovery() THEN 0
  WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
    AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') THEN 0
  ELSE greatest(0, coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0)) END AS seconds,
  CASE WHEN pg_is_in_recovery()
    THEN greatest(0, coalesce(pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn(), 0)) ELSE 0 END AS bytes`,
    columns: [
      ["seconds", "GAUGE", "How old the newest replayed transaction is while there is more to replay"],
      ["bytes", "GAUGE", "Log that was received and not yet replayed"],
    ],
  };
}

/**
 * pg_stat_statements keeps a statement's mean and not each of its calls: all calls of a statement count where its
 * mean lies.
 */
function queryDuration(): MetricQuery {
  const counts = BUCKETS.map(
    (bucket) => `coalesce(sum(s.calls) FILTER (WHERE s.mean_exec_time <= ${bucket * 1000}), 0)::bigint`,
  );
  return {
    name: "query_duration",
    cacheSeconds: 15,
    sql: `SELECT ARRAY[${BUCKETS.join(", ")}]::float8[] AS seconds,
  ARRAY[${counts.join(",\n    ")}] AS seconds_bucket,
  ${seconds("sum(s.total_exec_time)")} AS seconds_sum, coalesce(sum(s.calls), 0)::bigint AS seconds_count
FROM ${STATEMENTS}`,
    columns: [["seconds", "HISTOGRAM", "Calls of statements by their statement's mean duration"]],
  };
}

function vectorSearch(): MetricQuery {
  return {
    name: "vector_search",
    cacheSeconds: 15,
    sql: `SELECT o.operator, coalesce(sum(s.calls), 0) AS calls, ${seconds("sum(s.total_exec_time)")} AS seconds_total,
  ${seconds("sum(s.total_exec_time) / nullif(sum(s.calls), 0)")} AS seconds_mean, ${seconds("max(s.max_exec_time)")} AS seconds_max
FROM (VALUES ${VECTOR_OPERATORS.map((one) => `('${one}')`).join(", ")}) AS o (operator)
  LEFT JOIN (${STATEMENTS}) ON position(o.operator IN s.query) > 0 AND s.query ILIKE '%order by%' GROUP BY 1`,
    columns: [
      ["operator", "LABEL", "<-> L2, <=> cosine, <#> inner product"],
      ["calls", "COUNTER", "Searches"],
      ["seconds_total", "COUNTER", "Time that they took"],
      ["seconds_mean", "GAUGE", "Mean time of one since the statistics began"],
      ["seconds_max", "GAUGE", "The longest one since the statistics began"],
    ],
  };
}

/** The exporter's file. */
export function postgresQueries(): string {
  const entries = METRIC_QUERIES.map(({ name, cacheSeconds, sql, columns }) => [
    name,
    {
      query: sql,
      ...(cacheSeconds > 0 ? { cache_seconds: cacheSeconds } : {}),
      metrics: columns.map(([column, usage, description]) => ({ [column]: { usage, description } })),
    },
  ]);
  return stringify(Object.fromEntries(entries), { lineWidth: 0 });
}
