import { ARCHIVE_PUSH } from "./archivePush.ts";
import { maxConnections, type PoolSize } from "./pools.ts";
import { nodeTls } from "./tls.ts";

export type PostgresParameters = Record<string, string | number | boolean>;

export interface PostgresSizing {
  /** Memory of the machine. */
  memoryBytes: number;
  cores: number;
  /** Size of the data volume. */
  volumeBytes: number;
  pool: PoolSize;
  /** How many databases clients use. */
  databases: number;
}

const MB = 1024 ** 2;
const GB = 1024 ** 3;

/**
 * All settings of PostgreSQL, for Patroni's dynamic configuration: the first start and every later change use the
 * same ones. The formulas and their sources are at each group. Values are written as `SHOW` prints them (over TCP:
 * on a Unix socket keepalives are shown as 0).
 *
 * Throws where the machine is too small for a database (1 GB of memory, 1 core, 10 GB of volume).
 */
export function postgresParameters(sizing: PostgresSizing): PostgresParameters {
  const faults = [
    sizing.memoryBytes < 0.9 * GB
      ? `${Math.round(sizing.memoryBytes / MB)} MB of memory, 1 GB is the least`
      : null,
    sizing.cores < 1 ? `${sizing.cores} cores, 1 is the least` : null,
    sizing.volumeBytes < 9 * GB
      ? `a volume of ${Math.round(sizing.volumeBytes / GB)} GB, 10 GB is the least`
      : null,
  ].filter((fault) => fault !== null);
  if (faults.length > 0) throw new Error(`This machine is too small for PostgreSQL: ${faults.join("; ")}.`);
  return {
    ...connections(sizing),
    ...memory(sizing),
    ...parallelism(sizing),
    ...writeAheadLog(sizing),
    ...archiving(),
    ...replication(sizing),
    ...autovacuum(sizing),
    ...planner(),
    ...logging(),
    ...security(),
    ...statistics(),
  };
}

/**
 * `max_connections`: see `maxConnections`. Keepalives find a client that vanished in 60 + 3 x 10 s instead of the
 * kernel's two hours (PostgreSQL 17 documentation, 19.3.2). An idle transaction holds a connection of the pool and
 * the cleaning of dead rows: a minute is the most.
 */
function connections({ pool, databases }: PostgresSizing): PostgresParameters {
  return {
    max_connections: maxConnections(pool, databases),
    superuser_reserved_connections: 5,
    tcp_keepalives_idle: 60,
    tcp_keepalives_interval: 10,
    tcp_keepalives_count: 3,
    client_connection_check_interval: "10s",
    idle_in_transaction_session_timeout: "1min",
  };
}

/**
 * `shared_buffers` 25 % (PostgreSQL 17 documentation, 19.4.1). `effective_cache_size`: the two thirds of the memory
 * that buffers and page cache have together where a gateway shares the machine. `maintenance_work_mem` 1/16 up to
 * 2 GB and `work_mem` from what the buffers leave, divided among all connections and workers with three sorts each:
 * pgtune (le0pard/pgtune, formula for web applications). `autovacuum_work_mem`: the workers together take no more
 * than one maintenance command.
 */
function memory(sizing: PostgresSizing): PostgresParameters {
  const total = sizing.memoryBytes;
  const shared = total / 4;
  const maintenance = clamp(total / 16, 64 * MB, 2 * GB);
  const sorts = 3 * (maxConnections(sizing.pool, sizing.databases) + workers(sizing));
  return {
    shared_buffers: megabytes(shared),
    effective_cache_size: megabytes((total * 2) / 3),
    maintenance_work_mem: megabytes(maintenance),
    autovacuum_work_mem: megabytes(Math.max(maintenance / autovacuumWorkers(sizing), 32 * MB)),
    work_mem: megabytes(clamp((total - shared) / sorts / gatherWorkers(sizing), 4 * MB, 256 * MB)),
    huge_pages: "try",
  };
}

/** One worker a core for queries, half of them for one query (pgtune), and room for logical replication's workers. */
function parallelism(sizing: PostgresSizing): PostgresParameters {
  return {
    max_worker_processes: workers(sizing),
    max_parallel_workers: Math.max(sizing.cores, 2),
    max_parallel_workers_per_gather: gatherWorkers(sizing),
    max_parallel_maintenance_workers: gatherWorkers(sizing),
  };
}

/**
 * Checkpoints by time, not by volume of log (PostgreSQL 17 documentation, 28.5): every 15 minutes, with log for it
 * up to a tenth of the volume. `wal_level` logical from the first day: splitting a cluster and upgrading it need
 * logical replication, and the level changes only with a restart. Full page images compress well with lz4.
 */
function writeAheadLog({ volumeBytes }: PostgresSizing): PostgresParameters {
  const most = clamp(volumeBytes / 10, 512 * MB, 16 * GB);
  return {
    wal_level: "logical",
    wal_compression: "lz4",
    checkpoint_timeout: "15min",
    checkpoint_completion_target: 0.9,
    max_wal_size: megabytes(most),
    min_wal_size: megabytes(most / 4),
  };
}

/** A quiet database sends its last changes after a minute at the latest: the backup's loss is bounded by that. */
function archiving(): PostgresParameters {
  return {
    archive_mode: "on",
    archive_command: `${ARCHIVE_PUSH} "%p"`,
    archive_timeout: "1min",
  };
}

/**
 * A standby that is gone may hold back a fifth of the volume in log and no more, so that it never fills the disk.
 * `wal_retrieve_retry_interval` 100 ms: a promotion that meets the end of the stream otherwise sleeps the 5 s of
 * the default (measured: 2 of 7 switchovers; none of 18 with 100 ms). A machine that vanishes without a word is noticed
 * after 10 s by the primary, after 5 s by the standby, instead of a minute: until then commits that wait for a
 * synchronous standby hang, and a standby does not know that it is behind.
 */
function replication({ volumeBytes }: PostgresSizing): PostgresParameters {
  return {
    max_wal_senders: 10,
    max_replication_slots: 20,
    max_slot_wal_keep_size: megabytes(volumeBytes / 5),
    wal_keep_size: "128MB",
    wal_retrieve_retry_interval: "100ms",
    wal_sender_timeout: "10s",
    wal_receiver_timeout: "5s",
    wal_log_hints: "on",
    hot_standby: "on",
    hot_standby_feedback: "on",
  };
}

/**
 * Sooner and faster than the defaults, which date from spinning disks: a table is cleaned when a tenth of it is dead
 * rather than a fifth, at five times the default's pace (PostgreSQL 17 documentation, 19.10, and 24.1.6 on why more
 * workers alone do not go faster: they share one cost limit).
 */
function autovacuum(sizing: PostgresSizing): PostgresParameters {
  return {
    autovacuum_max_workers: autovacuumWorkers(sizing),
    autovacuum_naptime: "30s",
    autovacuum_vacuum_scale_factor: 0.1,
    autovacuum_analyze_scale_factor: 0.05,
    autovacuum_vacuum_insert_scale_factor: 0.1,
    autovacuum_vacuum_cost_limit: 1000,
  };
}

/** Solid state disks: a random page costs little more than the next one (PostgreSQL 17 documentation, 19.7.2). */
function planner(): PostgresParameters {
  return {
    random_page_cost: 1.1,
    effective_io_concurrency: 200,
    maintenance_io_concurrency: 200,
    default_statistics_target: 100,
    jit: "off",
  };
}

/**
 * To stderr, and so into the machine's journal, which is bounded. No statement is logged for its own sake and no
 * bound value ever: logs hold neither passwords nor people's data. Slow means 500 ms (the alarm's threshold).
 */
function logging(): PostgresParameters {
  return {
    log_destination: "stderr",
    logging_collector: "off",
    log_line_prefix: "%m [%p] %q%u@%d/%a ",
    log_timezone: "UTC",
    log_statement: "none",
    log_min_duration_statement: "500ms",
    log_parameter_max_length: 0,
    log_parameter_max_length_on_error: 0,
    log_checkpoints: "on",
    log_lock_waits: "on",
    log_temp_files: "64MB",
    log_autovacuum_min_duration: "10s",
    log_replication_commands: "on",
  };
}

function security(): PostgresParameters {
  const tls = nodeTls("patroni");
  return {
    password_encryption: "scram-sha-256",
    ssl: "on",
    ssl_ca_file: tls.ca,
    ssl_cert_file: tls.certificate,
    ssl_key_file: tls.key,
    ssl_min_protocol_version: "TLSv1.3",
    timezone: "UTC",
  };
}

function statistics(): PostgresParameters {
  return {
    shared_preload_libraries: "pg_stat_statements",
    "pg_stat_statements.max": 5000,
    "pg_stat_statements.track": "top",
    track_io_timing: "on",
    track_wal_io_timing: "on",
  };
}

function workers({ cores }: PostgresSizing): number {
  return Math.max(cores, 2) + 8;
}

function gatherWorkers({ cores }: PostgresSizing): number {
  return clamp(Math.floor(cores / 2), 1, 4);
}

function autovacuumWorkers({ cores }: PostgresSizing): number {
  return clamp(Math.floor(cores / 2), 3, 8);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** Whole megabytes, written as PostgreSQL itself shows them. */
function megabytes(bytes: number): string {
  const whole = Math.floor(bytes / MB);
  return whole % 1024 === 0 ? `${whole / 1024}GB` : `${whole}MB`;
}
