import { readFileSync } from "node:fs";
import { directory, file, lines, pending, role, running } from "./build.ts";
import type { ManagedFile, RoleManifest } from "./manifest.ts";
import { ETCD_DATA, LIBEXEC, PORTS } from "./paths.ts";
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
  /**
   * Whether it takes the lead whenever another member has it. A new leader of the store gives every key its whole
   * time to live again: where the store's leader and PostgreSQL's primary are lost together, a failover takes seconds
   * longer (measured: 25 instead of 22 s).
   */
  leads: boolean;
}

export const ETCD_PACKAGES = ["etcd-client", "etcd-server"];

const UNIT = "etcd.service";
const LEAD = "phasewise-etcd-lead";
const LEAD_TIMER = `${LEAD}.timer`;
const REJOIN = `${LIBEXEC}/etcd-rejoin`;
const REJOIN_SOURCE = readFileSync(new URL("./etcdRejoin.sh", import.meta.url), "utf8");

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
    directories: [
      ...tls.directories,
      directory(LIBEXEC),
      directory(ETCD_DATA, { owner: "etcd", mode: "0700" }),
    ],
    files: [
      ...tls.files,
      file("/etc/default/etcd", environment(settings), { onChange: pending(UNIT) }),
      // Read at the first start only; afterwards the members are what etcd itself knows.
      file("/etc/default/etcd-initial", initialEnvironment(settings), { seed: true }),
      file(REJOIN, REJOIN_SOURCE, { mode: "0755" }),
      file(dropIn(UNIT), dropInText(), { onChange: pending(UNIT) }),
      ...(settings.leads ? leadership() : []),
    ],
    units: [running(UNIT, { stateful: true }), ...(settings.leads ? [running(LEAD_TIMER)] : [])],
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
function dropInText(): string {
  const { ca, certificate, key } = nodeTls("etcd");
  return unitFile({
    Unit: {
      After: "network-online.target",
      RequiresMountsFor: ETCD_DATA,
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "exec",
      EnvironmentFile: "-/etc/default/etcd-initial",
      ExecStartPre: `+/usr/bin/env ETCDCTL_CACERT=${ca} ETCDCTL_CERT=${certificate} ETCDCTL_KEY=${key} ${REJOIN}`,
      Restart: "always",
      RestartSec: 1,
    },
  });
}

/** Only the leader itself can hand its place over, so it is the one that is asked. */
function leadership(): ManagedFile[] {
  const { ca, certificate, key } = nodeTls("etcd");
  const script = `${LIBEXEC}/etcd-lead`;
  const service = unitFile({
    Unit: { Description: "Taking the lead of the consensus store" },
    Service: { Type: "oneshot", User: "etcd", ExecStart: script, TimeoutStartSec: 20 },
  });
  const timer = unitFile({
    Unit: { Description: "When the lead of the consensus store is looked after" },
    Timer: { OnActiveSec: "20s", OnUnitInactiveSec: "30s", AccuracySec: "5s" },
    Install: { WantedBy: "timers.target" },
  });
  return [
    file(
      script,
      lines(
        "#!/bin/sh",
        `export ETCDCTL_API=3 ETCDCTL_CACERT=${ca} ETCDCTL_CERT=${certificate} ETCDCTL_KEY=${key}`,
        // endpoint, member's id, version, size, leader?, learner?, ...
        `status=$(etcdctl --endpoints=https://127.0.0.1:${PORTS.etcdClient} endpoint status --cluster 2>/dev/null | tr -d ' ')`,
        `own=$(etcdctl --endpoints=https://127.0.0.1:${PORTS.etcdClient} endpoint status | tr -d ' ' | cut -d, -f2)`,
        `leader=$(echo "$status" | awk -F, '$5 == "true" { print $1 }')`,
        'leading=$(echo "$status" | awk -F, \'$5 == "true" { print $2 }\')',
        '[ -n "$leader" ] && [ -n "$own" ] && [ "$leading" != "$own" ] || exit 0',
        'exec etcdctl --endpoints="$leader" move-leader "$own"',
      ),
      { mode: "0755" },
    ),
    file(`/etc/systemd/system/${LEAD}.service`, service),
    file(`/etc/systemd/system/${LEAD_TIMER}`, timer),
  ];
}
