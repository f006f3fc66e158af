import { directory, file, lines, pending, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { ETCD_DATA, PORTS } from "./paths.ts";
import { nodeTls, nodeTlsFiles } from "./tls.ts";
import { dropIn, unitFile } from "./unit.ts";

export interface EtcdSettings {
  /** The machine's name, which is the member's name. */
  name: string;
  /** Its private address. */
  address: string;
  /** Tells this cluster from any other. */
  token: string;
  /**
   * How this member finds the others when it starts for the first time: all members of a `new` cluster, or those of
   * the `existing` one that it has been added to, itself among them.
   */
  initial: { state: "new" | "existing"; members: { name: string; address: string }[] };
}

export const ETCD_PACKAGES = ["etcd-client", "etcd-server"];

const UNIT = "etcd.service";

/** One member of the consensus store: mutual TLS for clients and peers, data on the volume. */
export function etcd(settings: EtcdSettings): RoleManifest {
  if (
    !settings.initial.members.some(
      (member) => member.name === settings.name && member.address === settings.address,
    )
  ) {
    throw new Error(
      `etcd on ${settings.name}: the initial members do not name it with its address ${settings.address}`,
    );
  }
  // etcd reads certificate and key at each handshake, its authorities only when it starts.
  const tls = nodeTlsFiles("etcd", { owner: "etcd", onRenewal: [], onNewAuthority: pending(UNIT) });
  return role("etcd", {
    packages: ETCD_PACKAGES,
    hold: ETCD_PACKAGES,
    directories: [...tls.directories, directory(ETCD_DATA, { owner: "etcd", mode: "0700" })],
    files: [
      ...tls.files,
      file("/etc/default/etcd", environment(settings), { onChange: pending(UNIT) }),
      // Read at the first start only; afterwards the members are what etcd itself knows.
      file("/etc/default/etcd-initial", initialEnvironment(settings), { seed: true }),
      file(dropIn(UNIT), DROP_IN, { onChange: pending(UNIT) }),
    ],
    units: [running(UNIT, { stateful: true })],
  });
}

/**
 * - Quota and compaction: etcd 3.5 documentation, "Maintenance". Patroni keeps some kilobytes, of which every change
 *   is a new revision; an hour of them is enough for every watcher.
 * - Snapshot count: the same, "Tuning": entries up to it are kept in memory; the default of 100,000 is 40 MB here.
 */
function environment({ name, address }: EtcdSettings): string {
  const tls = nodeTls("etcd");
  const url = (host: string, port: number) => `https://${host}:${port}`;
  const both = (port: number) => `${url(address, port)},${url("127.0.0.1", port)}`;
  return lines(
    `ETCD_NAME=${name}`,
    `ETCD_DATA_DIR=${ETCD_DATA}`,
    `ETCD_LISTEN_CLIENT_URLS=${both(PORTS.etcdClient)}`,
    `ETCD_ADVERTISE_CLIENT_URLS=${url(address, PORTS.etcdClient)}`,
    `ETCD_LISTEN_PEER_URLS=${both(PORTS.etcdPeer)}`,
    `ETCD_INITIAL_ADVERTISE_PEER_URLS=${url(address, PORTS.etcdPeer)}`,
    ...["", "PEER_"].flatMap((which) => [
      `ETCD_${which}CLIENT_CERT_AUTH=true`,
      `ETCD_${which}TRUSTED_CA_FILE=${tls.ca}`,
      `ETCD_${which}CERT_FILE=${tls.certificate}`,
      `ETCD_${which}KEY_FILE=${tls.key}`,
    ]),
    "ETCD_TLS_MIN_VERSION=TLS1.3",
    `ETCD_QUOTA_BACKEND_BYTES=${256 * 1024 ** 2}`,
    "ETCD_AUTO_COMPACTION_MODE=periodic",
    "ETCD_AUTO_COMPACTION_RETENTION=1h",
    "ETCD_SNAPSHOT_COUNT=5000",
    "ETCD_STRICT_RECONFIG_CHECK=true",
    "ETCD_LOG_LEVEL=warn",
  );
}

function initialEnvironment({ initial, token }: EtcdSettings): string {
  const members = initial.members.map(
    (member) => `${member.name}=https://${member.address}:${PORTS.etcdPeer}`,
  );
  return lines(
    `ETCD_INITIAL_CLUSTER=${members.join(",")}`,
    `ETCD_INITIAL_CLUSTER_STATE=${initial.state}`,
    `ETCD_INITIAL_CLUSTER_TOKEN=${token}`,
  );
}

/**
 * Started when it is executed, not when it has found a majority: that may need other machines, for which nothing
 * on this one waits. And it never gives up, as Debian's unit would after exit code 1.
 */
const DROP_IN = unitFile({
  Unit: {
    After: "network-online.target",
    RequiresMountsFor: ETCD_DATA,
    StartLimitIntervalSec: 0,
  },
  Service: {
    Type: "exec",
    EnvironmentFile: "-/etc/default/etcd-initial",
    Restart: "always",
    RestartSec: 1,
  },
});
