import { type AlertsSettings, alerts } from "../../../roles/alerts/alerts.ts";
import { type ApplicationSettings, application } from "../../../roles/application.ts";
import { base } from "../../../roles/base.ts";
import { cacheGate } from "../../../roles/cacheGate.ts";
import { composeManifest } from "../../../roles/compose.ts";
import { data } from "../../../roles/data.ts";
import { dump } from "../../../roles/dump.ts";
import { etcd } from "../../../roles/etcd.ts";
import { metrics } from "../../../roles/exporters/metrics.ts";
import { firewall } from "../../../roles/firewall.ts";
import { haproxy } from "../../../roles/haproxy.ts";
import type { ManagedFile, Manifest, RoleManifest } from "../../../roles/manifest.ts";
import { operators } from "../../../roles/operators.ts";
import { patroni } from "../../../roles/patroni.ts";
import type { PatroniSettings } from "../../../roles/patroniConfiguration.ts";
import { type PgbackrestSettings, pgbackrest } from "../../../roles/pgbackrest.ts";
import { pgbouncer } from "../../../roles/pgbouncer.ts";
import { POOLS } from "../../../roles/pools.ts";
import { type PostgresSizing, postgresParameters } from "../../../roles/postgresParameters.ts";
import { readGate } from "../../../roles/readGate.ts";
import { redis } from "../../../roles/redis.ts";
import { redisBackup } from "../../../roles/redisBackup.ts";
import { sentinel } from "../../../roles/sentinel.ts";
import { tls } from "../../../roles/tls.ts";
import { updates } from "../../../roles/updates.ts";
import { upkeep } from "../../../roles/upkeep.ts";

export const GB = 1024 ** 3;
export const PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJY3mF0GqWtqHXuSWbYvPvnlkOd5rAxEMBsTsVoQeAq1 laptop";

const core = { name: "core-1", address: "10.0.1.11" };

export const sizing: PostgresSizing = {
  memoryBytes: 4 * GB,
  cores: 2,
  volumeBytes: 10 * GB,
  pool: POOLS.dev,
  databases: 1,
};

export const patroniSettings: PatroniSettings = {
  cluster: "main",
  ...core,
  etcd: [core.address],
  postgresVersion: 17,
  parameters: postgresParameters(sizing),
  replicationPeers: ["10.0.1.0/24"],
  clients: ["10.0.1.0/24"],
  durability: "async",
  alone: true,
};

export const backupSettings: PgbackrestSettings = {
  stanza: "main",
  postgresVersion: 17,
  repository: {
    endpoint: "fsn1.example.com",
    port: 443,
    region: "fsn1",
    bucket: "phasewise-backups",
    ownAuthority: false,
  },
  second: null,
  retentionDays: 30,
  time: "02:00",
  fullOn: "sunday",
  cores: 2,
  volumeBytes: 10 * GB,
  queuePercent: 40,
  ...core,
  peers: [],
};

const applicationRole: ApplicationSettings = {
  port: 4000,
  database: { name: "app", user: "app", host: "10.0.1.5", writePort: 6432, readPort: 6433 },
  cache: {
    user: "app",
    host: "10.0.1.5",
    port: 6379,
    name: "cache",
    sentinels: ["10.0.1.11:26379", "10.0.1.12:26379", "10.0.1.21:26379"],
  },
  poolSize: 5,
  program: "H4sIAAAAAAAA",
};

export const alertsSettings: AlertsSettings = {
  stack: "production",
  webhook: true,
  slack: true,
  heartbeat: true,
  email: {
    to: ["ops@example.com", "lead@example.com"],
    from: "phasewise@example.com",
    server: "smtp.example.com:587",
    user: "phasewise",
  },
  runbooks: "https://git.example.com/phasewise/blob/main",
  monitoring: false,
  repeatHours: 4,
  targets: [
    { machine: "core-1", address: "10.0.1.11:9100" },
    { machine: "db-1", address: "10.0.1.21:9100" },
    { machine: "db-1", address: "10.0.1.21:9187" },
  ],
  drills: [
    { cluster: "main", kind: "restore", days: 31 },
    { cluster: "main", kind: "disaster", days: 92 },
  ],
};

const cacheMachines = [core, { name: "core-2", address: "10.0.1.12" }];
const sentinels = ["10.0.1.11", "10.0.1.12", "10.0.1.21"];

export const roles: RoleManifest[] = [
  base({ overcommit: "never" }),
  operators([{ name: "anna", publicKeys: [PUBLIC_KEY] }]),
  firewall({
    publicInterface: "eth0",
    privateInterface: "enp7s0",
    public: [
      { name: "ssh", ports: [22], peers: ["203.0.113.7/32", "2001:db8::/32"] },
      { name: "database", ports: [6432], peers: ["0.0.0.0/0", "::/0"] },
    ],
    private: [
      { name: "etcd", ports: [2380, 2379], peers: ["10.0.1.22", "10.0.1.21"] },
      { name: "database for applications", ports: [6432], peers: ["10.0.2.0/24"] },
    ],
  }),
  updates(),
  tls(),
  data(),
  etcd({ ...core, token: "main", initial: { state: "new", members: [core] }, leads: true }),
  haproxy({
    members: [core, { name: "db-1", address: "10.0.1.21" }],
    caches: [{ name: "cache", servers: cacheMachines }],
  }),
  pgbouncer({ databases: ["app"], postgresVersion: 17, pool: POOLS.dev, maximumClients: 500 }),
  pgbackrest(backupSettings),
  dump({
    cluster: "main",
    postgresVersion: 17,
    name: core.name,
    databases: ["app"],
    at: "03:00",
    jobs: 2,
    repositories: [{ ...backupSettings.repository, keepDays: 7 }],
  }),
  patroni(patroniSettings),
  application(applicationRole),
  readGate({ address: core.address, maximumLagSeconds: 5 }),
  redis({
    name: "cache",
    memoryMb: 256,
    evictionPolicy: "allkeys-lru",
    address: core.address,
    sentinels,
    replicaOf: "10.0.1.12",
  }),
  redisBackup({
    name: "cache",
    memoryMb: 256,
    time: "02:30",
    repositories: [{ ...backupSettings.repository, keepDays: 30 }],
  }),
  sentinel({ address: core.address, sentinels, caches: [{ name: "cache", primary: "10.0.1.12" }] }),
  cacheGate({ sentinels, caches: [{ name: "cache", machines: cacheMachines }] }),
  metrics({ address: core.address, database: "app", pgbouncer: true, redis: true }),
  alerts(alertsSettings),
  upkeep({ databases: ["app"] }),
];

/** The whole machine of phase 1. */
export function machine(): Manifest {
  const device = "/dev/disk/by-id/scsi-0HC_Volume_4711";
  const mount = {
    device,
    path: "/data",
    filesystem: "ext4" as const,
    options: ["noatime", "discard", "nofail"],
  };
  return composeManifest({ hostname: "core-1", mounts: [mount], roles });
}

export function fileOf(role: RoleManifest, path: string): ManagedFile {
  const found = role.files.find((file) => file.path === path);
  if (!found) throw new Error(`role ${role.name} has no file ${path}`);
  return found;
}

export function roleNamed(name: string): RoleManifest {
  const found = roles.find((role) => role.name === name);
  if (!found) throw new Error(`no role ${name}`);
  return found;
}

/** A role as a text that can be read and compared line by line. */
export function printed(role: RoleManifest): string {
  const owned = (entry: { owner: string; group: string; mode: string; path: string }) =>
    `${entry.path} ${entry.owner}:${entry.group} ${entry.mode}`;
  const changes = (file: ManagedFile) =>
    (file.onChange ?? []).map((change) => `${change.action} ${change.unit}`);
  const traits = (file: ManagedFile) => [
    ...(file.seed ? ["seed"] : []),
    ...(file.beforePackages ? ["before packages"] : []),
    ...changes(file),
  ];
  return [
    `role ${role.name}`,
    `packages ${role.packages.join(" ")}`,
    `hold ${role.hold.join(" ")}`,
    ...role.directories.map((directory) => `directory ${owned(directory)}`),
    ...role.files.map(
      (file) => `\n=== ${[owned(file), ...traits(file)].join(", ")}\n${file.content.trimEnd()}`,
    ),
    "",
    ...role.prepare.map(
      (step) => `prepare "${step.name}"\n  unless: ${step.probe.trim()}\n  do: ${step.act.trim()}`,
    ),
    ...role.units.map((unit) => `unit ${unit.name} ${unit.state}${unit.stateful ? " stateful" : ""}`),
    ...role.finish.map(
      (step) => `finish "${step.name}"\n  unless: ${step.probe.trim()}\n  do: ${step.act.trim()}`,
    ),
    ...(role.ready
      ? [`ready "${role.ready.name}" within ${role.ready.deadlineSeconds} s: ${role.ready.command}`]
      : []),
    "",
  ].join("\n");
}
