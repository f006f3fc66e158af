import { PORTS, POSTGRES_SOCKET } from "../../../roles/paths.ts";
import type { Cluster } from "../../topology.ts";
import type { Places } from "./places.ts";

/** Where replaying ends, and on which line of history. */
export interface ReplayTarget {
  /** PostgreSQL's `recovery_target...` settings; empty: with all that there is. */
  target: Record<string, string>;
  /** `latest`, `current` or a number. */
  timeline: string;
}

/**
 * The settings of the PostgreSQL that replays the log, before Patroni takes over: nobody but this machine's superuser
 * reaches it, it waits for no standby, and it archives the timeline that it begins. They win over whatever the
 * restored database was told by ALTER SYSTEM.
 */
export function replaySettings(cluster: Cluster, places: Places, replay: ReplayTarget): string {
  const { archive_command: command, shared_buffers: buffers, shared_preload_libraries } = cluster.parameters;
  const settings: Record<string, string> = {
    hba_file: `${places.work}/pg_hba.conf`,
    ident_file: `${places.work}/pg_ident.conf`,
    unix_socket_directories: POSTGRES_SOCKET,
    listen_addresses: "",
    port: String(PORTS.postgres),
    ssl: "off",
    ...(shared_preload_libraries === undefined
      ? {}
      : { shared_preload_libraries: String(shared_preload_libraries) }),
    ...(buffers === undefined ? {} : { shared_buffers: String(buffers) }),
    archive_mode: "on",
    archive_command: String(command ?? ""),
    restore_command: `pgbackrest --stanza=${cluster.backupStanza} archive-get %f "%p"`,
    recovery_target_timeline: replay.timeline,
    ...replay.target,
    ...(Object.keys(replay.target).length === 0 ? {} : { recovery_target_action: "promote" }),
    primary_conninfo: "",
    synchronous_standby_names: "",
    logging_collector: "off",
    log_destination: "stderr",
    log_timezone: "UTC",
    log_line_prefix: "",
    max_wal_size: "4GB",
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join("");
}

/** Shell that writes down which of PostgreSQL's limits replaying needs; the control file has them (docs 26.4.3). */
export function limitsCommand({ bin, data, work }: Places): string {
  return [
    `${bin}/pg_controldata -D ${data}`,
    "sed -n 's/^\\(max_[a-z_]*\\) setting: *\\([0-9]*\\)$/\\1 = \\2/p'",
    `sed 's/max_prepared_xacts/max_prepared_transactions/; s/max_locks_per_xact/max_locks_per_transaction/' > ${work}/limits.conf`,
  ].join(" | ");
}
