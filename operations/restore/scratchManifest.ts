import type { Topology } from "../../infra/topology.ts";
import { base } from "../../roles/base.ts";
import { directory, file, lines, role } from "../../roles/build.ts";
import { composeManifest } from "../../roles/compose.ts";
import { data } from "../../roles/data.ts";
import type { Manifest, RoleManifest } from "../../roles/manifest.ts";
import { DATA, PORTS, POSTGRES_SOCKET, postgresBin, postgresData } from "../../roles/paths.ts";
import { patroniPackages } from "../../roles/patroni.ts";
import { pgbackrestReader } from "../../roles/pgbackrest.ts";
import { SECRETS } from "../../roles/secrets.ts";
import { unitFile } from "../../roles/unit.ts";
import type { Cluster } from "../topology.ts";

/** PostgreSQL of a machine that a backup is restored to. */
export const SCRATCH_UNIT = "phasewise-scratch.service";
export const SCRATCH_FOLDER = "/etc/phasewise/scratch";

/**
 * What a throw-away machine has: PostgreSQL and pgBackRest in the versions of the stack, the keys to read the
 * repository, and a service that starts what was restored, alone: it archives nothing, asks no other server, and
 * listens on its loopback.
 */
export function scratchManifest(
  hostname: string,
  cluster: Cluster,
  bucket: Topology["buckets"][number],
  options: { cores: number; writable: boolean },
): Manifest {
  const { hostname: endpoint, port } = new URL(bucket.endpoint);
  return composeManifest({
    hostname,
    mounts: [],
    roles: [
      base({ overcommit: "never" }),
      data(),
      postgres(cluster, options.writable),
      pgbackrestReader({
        stanza: cluster.backupStanza,
        postgresVersion: cluster.postgresVersion,
        cores: options.cores,
        repository: {
          endpoint,
          port: port === "" ? 443 : Number(port),
          region: bucket.region,
          bucket: bucket.name,
          ownAuthority: bucket.caCertificate !== null,
        },
      }),
    ],
  });
}

/** The values behind the manifest's placeholders. */
export function scratchSecrets(
  cipher: string,
  { accessKey, secretKey, caCertificate }: Topology["buckets"][number],
): Record<string, string> {
  return {
    [SECRETS.backupAccessKey]: accessKey,
    [SECRETS.backupSecretKey]: secretKey,
    [SECRETS.backupCipher]: cipher,
    ...(caCertificate === null ? {} : { [SECRETS.backupCaCertificate]: caCertificate }),
  };
}

function postgres(cluster: Cluster, writable: boolean): RoleManifest {
  const { postgresVersion: version } = cluster;
  return role("postgres-scratch", {
    packages: patroniPackages(version).filter((name) => name.startsWith("postgresql")),
    directories: [
      directory(SCRATCH_FOLDER, { group: "postgres", mode: "0750" }),
      directory(`${DATA}/postgresql`, { owner: "postgres" }),
      directory(`${DATA}/postgresql/${version}`, { owner: "postgres" }),
      directory(postgresData(version), { owner: "postgres", mode: "0700" }),
    ],
    files: [
      file("/etc/postgresql-common/createcluster.d/phasewise.conf", "create_main_cluster = false\n", {
        beforePackages: true,
      }),
      file(`${SCRATCH_FOLDER}/postgresql.conf`, configuration(cluster, writable), { group: "postgres" }),
      file(
        `${SCRATCH_FOLDER}/pg_hba.conf`,
        lines("local all postgres peer", "host all all 127.0.0.1/32 scram-sha-256"),
        { group: "postgres" },
      ),
      file(`${SCRATCH_FOLDER}/pg_ident.conf`, "", { group: "postgres" }),
      file(`/etc/systemd/system/${SCRATCH_UNIT}`, unit(version)),
    ],
  });
}

function configuration(cluster: Cluster, writable: boolean): string {
  const libraries = cluster.parameters.shared_preload_libraries;
  return lines(
    `hba_file = '${SCRATCH_FOLDER}/pg_hba.conf'`,
    `ident_file = '${SCRATCH_FOLDER}/pg_ident.conf'`,
    `unix_socket_directories = '${POSTGRES_SOCKET}'`,
    `port = ${PORTS.postgres}`,
    ...(libraries === undefined ? [] : [`shared_preload_libraries = '${libraries}'`]),
    `default_transaction_read_only = ${writable ? "off" : "on"}`,
    "shared_buffers = '256MB'",
    "max_wal_size = '4GB'",
    "log_timezone = 'UTC'",
    // What the restored database was run with and replaying it needs; written once it is there.
    `include_if_exists = '${SCRATCH_FOLDER}/limits.conf'`,
  );
}

/** Options on the command line win over whatever the restored database was told by ALTER SYSTEM. */
function unit(version: number): string {
  const guards = [
    "archive_mode=off",
    "ssl=off",
    "listen_addresses=127.0.0.1",
    "primary_conninfo=",
    "synchronous_standby_names=",
    "logging_collector=off",
  ].map((guard) => `-c ${guard}`);
  return unitFile({
    Unit: { Description: "PostgreSQL, restored from a backup" },
    Service: {
      Type: "notify",
      User: "postgres",
      RuntimeDirectory: "postgresql",
      RuntimeDirectoryPreserve: "yes",
      ExecStart: `${postgresBin(version)}/postgres -D ${postgresData(version)} -c config_file=${SCRATCH_FOLDER}/postgresql.conf ${guards.join(" ")}`,
      KillMode: "mixed",
      KillSignal: "SIGINT",
      TimeoutStartSec: "infinity",
      TimeoutStopSec: "5min",
    },
  });
}
