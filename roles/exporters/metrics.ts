import { file, lines, restart, role, running } from "../build.ts";
import type { ManagedFile, RoleManifest } from "../manifest.ts";
import { CA_FILE, PORTS } from "../paths.ts";
import { type PoolerInstance, READS, WRITES } from "../pgbouncerConfiguration.ts";
import { USERS } from "../redisUsers.ts";
import { SECRETS, secret } from "../secrets.ts";
import { MONITOR, POOLER_STATS_USER } from "../sql/names.ts";
import { dropIn, unitFile } from "../unit.ts";
import { confined } from "./confined.ts";
import {
  NODE_EXPORTER,
  PGBOUNCER_EXPORTER,
  PGBOUNCER_READ_EXPORTER,
  POSTGRES_EXPORTER,
  REDIS_EXPORTER,
} from "./packages.ts";
import { postgresQueries } from "./postgresQueries.ts";

export interface MetricsSettings {
  /** The machine's private address: metrics are given there and nowhere else. */
  address: string;
  /** The database to ask, where the machine holds PostgreSQL. */
  database: string | null;
  pgbouncer: boolean;
  redis: boolean;
}

/** One program that gives numbers to whoever asks for /metrics. */
interface Exporter {
  package: string;
  /** Of its unit, where that is not called like its package. */
  name?: string;
  port: number;
  arguments: string[];
  /** Beside the arguments; secrets among them. */
  environment?: Record<string, string>;
  files?: ManagedFile[];
}

const CONFIGURATION = "/etc/phasewise/metrics";

/**
 * Prometheus' exporters for what the machine carries. They have users of their own with the least rights that show
 * numbers, keep nothing, and answer on the private address only; the machine's firewall says to whom.
 */
export function metrics(settings: MetricsSettings): RoleManifest {
  const exporters = exportersOf(settings);
  return role("metrics", {
    packages: [...new Set(exporters.map((each) => each.package))],
    files: exporters.flatMap(files),
    units: exporters.map((each) => running(`${nameOf(each)}.service`)),
  });
}

/** Where a machine's exporters answer, as host:port. */
export function exporterAddresses(settings: MetricsSettings): string[] {
  return exportersOf(settings).map(({ port }) => `${settings.address}:${port}`);
}

function exportersOf({ address, database, pgbouncer, redis: cache }: MetricsSettings): Exporter[] {
  return [
    node(address),
    ...(database === null ? [] : [postgres(address, database)]),
    ...(pgbouncer ? [pooler(address, WRITES), pooler(address, READS)] : []),
    ...(cache ? [redis(address)] : []),
  ];
}

/** Of the machine itself; the collectors that are left out tell of hardware that a cloud's machine does not have. */
function node(address: string): Exporter {
  const without = [
    ...["arp", "bcache", "bonding", "btrfs", "dmi", "edac", "entropy", "fibrechannel", "hwmon", "infiniband"],
    ...["ipvs", "mdadm", "nfs", "nfsd", "nvme", "powersupplyclass", "rapl", "selinux", "tapestats"],
    ...["thermal_zone", "timex", "udp_queues", "watchdog", "xfs", "zfs"],
  ];
  return {
    package: NODE_EXPORTER,
    port: PORTS.nodeExporter,
    arguments: [
      listen(address, PORTS.nodeExporter),
      QUIET,
      ...without.map((name) => `--no-collector.${name}`),
    ],
  };
}

/**
 * The queries' option is called deprecated by the exporter's authors, who name nothing that takes its place; Debian's
 * release keeps the version that has it.
 */
function postgres(address: string, database: string): Exporter {
  const queries = `${CONFIGURATION}/postgres-queries.yaml`;
  // For several servers; without the file it complains.
  const modules = `${CONFIGURATION}/postgres.yaml`;
  return {
    package: POSTGRES_EXPORTER,
    port: PORTS.postgresExporter,
    arguments: [
      listen(address, PORTS.postgresExporter),
      QUIET,
      `--config.file=${modules}`,
      "--disable-settings-metrics",
      `--extend.query-path=${queries}`,
    ],
    environment: {
      DATA_SOURCE_URI: `127.0.0.1:${PORTS.postgres}/${database}?sslmode=verify-full&sslrootcert=${CA_FILE}&application_name=metrics`,
      DATA_SOURCE_USER: MONITOR,
      DATA_SOURCE_PASS: secret(SECRETS.monitorPassword),
    },
    files: [
      file(modules, "auth_modules: {}\n"),
      file(queries, postgresQueries(), { onChange: restart(`${POSTGRES_EXPORTER}.service`) }),
    ],
  };
}

/** By the console's Unix socket, where the system user says who it is; the one for reads has a unit of ours. */
function pooler(address: string, { socket, port, readOnly }: PoolerInstance): Exporter {
  const question = `host=${socket}&port=${port}&user=${POOLER_STATS_USER}&sslmode=disable`;
  const common = {
    package: PGBOUNCER_EXPORTER,
    port: readOnly ? PORTS.pgbouncerReadExporter : PORTS.pgbouncerExporter,
    environment: { PGBOUNCER_EXPORTER_CONNECTION_STRING: `postgres:///pgbouncer?${question}` },
  };
  if (!readOnly) return { ...common, arguments: [listen(address, common.port), QUIET] };
  const name = PGBOUNCER_READ_EXPORTER;
  return {
    ...common,
    name,
    arguments: [listen(address, common.port), QUIET],
    files: [file(`/etc/systemd/system/${name}.service`, READ_UNIT, { onChange: restart(`${name}.service`) })],
  };
}

/** Without CONFIG GET, which would show passwords. */
function redis(address: string): Exporter {
  return {
    package: REDIS_EXPORTER,
    port: PORTS.redisExporter,
    arguments: [
      listen(address, PORTS.redisExporter),
      "--config-command=-",
      "--set-client-name=true",
      `--tls-ca-cert-file=${CA_FILE}`,
      "--exclude-latency-histogram-metrics",
    ],
    environment: {
      REDIS_ADDR: `rediss://127.0.0.1:${PORTS.redisServer}`,
      REDIS_USER: USERS.monitor,
      REDIS_PASSWORD: secret(SECRETS.redisMonitorPassword),
    },
  };
}

/** Else each scrape is a line in the journal. */
const QUIET = "--log.level=warn";

function listen(address: string, port: number): string {
  return `--web.listen-address=${address}:${port}`;
}

function nameOf(exporter: Exporter): string {
  return exporter.name ?? exporter.package;
}

function files(exporter: Exporter): ManagedFile[] {
  const name = nameOf(exporter);
  const unit = `${name}.service`;
  const entries = { ARGS: exporter.arguments.join(" "), ...exporter.environment };
  const text = Object.entries(entries).map(([name, value]) => `${name}="${value}"`);
  return [
    // Read by systemd as root; it may hold a password.
    file(`/etc/default/${name}`, lines(...text), { mode: "0600", onChange: restart(unit) }),
    file(dropIn(unit), DROP_IN, { onChange: restart(unit) }),
    ...(exporter.files ?? []),
  ];
}

/** As Debian's own unit for the other one. */
const READ_UNIT = unitFile({
  Unit: { Description: "Prometheus exporter for PgBouncer, reads" },
  Service: {
    EnvironmentFile: `/etc/default/${PGBOUNCER_READ_EXPORTER}`,
    ExecStart: `/usr/bin/${PGBOUNCER_EXPORTER} $ARGS`,
  },
});

/** What they ask may be away for long, and metrics are wanted most then: they never wait for it nor end with it. */
const DROP_IN = confined({ memory: "64M", unit: { Requires: "", After: ["", "network.target"] } });
