import type { PostgresParameters } from "./postgresParameters.ts";

/**
 * Settings that PostgreSQL 17 reads only when it starts (`pg_settings.context = 'postmaster'`), but for those that
 * Patroni or the paths decide.
 */
const READ_AT_START = new Set([
  "archive_mode",
  "autovacuum_freeze_max_age",
  "autovacuum_max_workers",
  "autovacuum_multixact_freeze_max_age",
  "commit_timestamp_buffers",
  "data_sync_retry",
  "debug_io_direct",
  "dynamic_shared_memory_type",
  "hot_standby",
  "huge_page_size",
  "huge_pages",
  "jit_provider",
  "logging_collector",
  "max_connections",
  "max_files_per_process",
  "max_locks_per_transaction",
  "max_logical_replication_workers",
  "max_notify_queue_pages",
  "max_pred_locks_per_transaction",
  "max_prepared_transactions",
  "max_replication_slots",
  "max_wal_senders",
  "max_worker_processes",
  "min_dynamic_shared_memory",
  "multixact_member_buffers",
  "multixact_offset_buffers",
  "notify_buffers",
  "reserved_connections",
  "serializable_buffers",
  "shared_buffers",
  "shared_memory_type",
  "shared_preload_libraries",
  "subtransaction_buffers",
  "superuser_reserved_connections",
  "track_activity_query_size",
  "track_commit_timestamp",
  "transaction_buffers",
  "wal_buffers",
  "wal_decode_buffer_size",
  "wal_level",
  "wal_log_hints",
]);

/** Settings of a loaded library: which of them need a start is the library's own business. */
const OF_LIBRARY = /\./;

/** Right from the first moment, though they can change later: TLS, and the archive that recovery will start from. */
const FROM_THE_BEGINNING = /^(ssl(_.*)?|password_encryption|archive_command|archive_timeout)$/;

/**
 * What of `parameters` the very first start of a cluster needs: all that would otherwise wait for a restart, and what
 * must hold from the first moment. The rest follows by reload, so that a change of it concerns no machine's files.
 */
export function firstStart(parameters: PostgresParameters): PostgresParameters {
  return Object.fromEntries(
    Object.entries(parameters).filter(
      ([name]) => READ_AT_START.has(name) || OF_LIBRARY.test(name) || FROM_THE_BEGINNING.test(name),
    ),
  );
}
