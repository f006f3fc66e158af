import { directory, file, lines, pending, reload, role, running } from "./build.ts";
import type { ManagedFile, RoleManifest } from "./manifest.ts";
import { LIBEXEC, PORTS, REDIS_DATA, REDIS_SOCKET, TLS } from "./paths.ts";
import { redisUsers, USERS } from "./redisUsers.ts";
import { SECRETS, secret } from "./secrets.ts";
import { SENTINELS_PROGRAM } from "./sentinels.ts";
import { dropIn, unitFile } from "./unit.ts";

/** What Redis throws away when its memory is full; `noeviction`: nothing, writes fail instead. */
export const EVICTION_POLICIES = [
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
  "noeviction",
] as const;
export type EvictionPolicy = (typeof EVICTION_POLICIES)[number];

export interface RedisSettings {
  /** What its data may take of the machine's memory. */
  memoryMb: number;
  evictionPolicy: EvictionPolicy;
}

/** One Redis of a cache. */
export interface RedisServerSettings extends RedisSettings {
  /** Of the cache. */
  name: string;
  /** This machine's private address. */
  address: string;
  /** Addresses of the Sentinels that watch the cache; nobody, where it has one Redis. */
  sentinels: string[];
  /** Whose replica it is where it never ran before; null: it is the primary then. */
  replicaOf: string | null;
}

export const REDIS_PACKAGES = ["redis-server", "redis-tools"];
/** A shell command that speaks to the machine's Redis as its administrator; root's alone. */
export const REDIS_CLI = `${LIBEXEC}/redis-cli`;

const UNIT = "redis-server.service";
const CONFIGURATION = "/etc/phasewise/redis";
const CERTIFICATE = `${TLS}/redis`;
const FIXED = `${CONFIGURATION}/start.conf`;
const LIVE = `${CONFIGURATION}/live.conf`;
const USERS_FILE = `${CONFIGURATION}/users.acl`;
const ADMIN_PASSWORD = `${CONFIGURATION}/admin.password`;
/** The one that the running server knows, which a change of the file above makes another only with a reload. */
const KNOWN_PASSWORD = "/run/phasewise/redis-admin.password";
const KNOW = `/usr/bin/install -D -m 0600 ${ADMIN_PASSWORD} ${KNOWN_PASSWORD}`;
const RELOAD = `${LIBEXEC}/redis-reload`;
const SENTINELS = `${LIBEXEC}/redis-sentinels`;
/** Run before each start, also where no Sentinel watches: growing must not wait for a restart. */
const PLACE_IF_WATCHED = `${LIBEXEC}/redis-place`;
/** There where Sentinels watch the cache. */
export const REDIS_SENTINELS_FILE = `${CONFIGURATION}/sentinels.json`;
const SENTINEL_PASSWORD = `${CONFIGURATION}/sentinel.password`;
/** Redis' own file: who is whose replica, written by Redis and Sentinel. */
const OWN_FILE = `${REDIS_DATA}/redis.conf`;

/**
 * The cache: TLS 1.3 only, with the endpoint's certificate; users with passwords only; an append-only file on the
 * volume. What can change while it runs is in a file of its own, which a reload applies, so that neither another
 * memory limit nor a new certificate costs a restart, which would close every connection.
 */
export function redis(settings: RedisServerSettings): RoleManifest {
  const own = { group: "redis", mode: "0640" };
  const reloaded = { ...own, onChange: reload(UNIT) };
  return role("redis", {
    packages: REDIS_PACKAGES,
    hold: REDIS_PACKAGES,
    directories: [
      directory(CONFIGURATION, { group: "redis", mode: "0750" }),
      directory(CERTIFICATE, { group: "redis", mode: "0750" }),
      directory(REDIS_DATA, { owner: "redis", mode: "0700" }),
      directory(LIBEXEC),
    ],
    files: [
      file(`${CERTIFICATE}/ca.pem`, secret(SECRETS.caCertificate), reloaded),
      file(`${CERTIFICATE}/endpoint.pem`, secret(SECRETS.endpointCertificate), reloaded),
      file(`${CERTIFICATE}/endpoint.key`, secret(SECRETS.endpointKey), {
        ...reloaded,
        owner: "redis",
        mode: "0600",
      }),
      file(USERS_FILE, redisUsers(), reloaded),
      file(LIVE, liveConfiguration(settings), reloaded),
      file(FIXED, FIXED_CONFIGURATION, { ...own, onChange: pending(UNIT) }),
      // Only where nothing is: from then on Redis writes it, and Sentinel through it. So no converge moves a primary.
      file(OWN_FILE, ownConfiguration(settings), {
        owner: "redis",
        mode: "0600",
        seed: true,
      }),
      file(ADMIN_PASSWORD, secret(SECRETS.redisAdminPassword), { mode: "0600", onChange: reload(UNIT) }),
      file(REDIS_CLI, CLIENT, { mode: "0700" }),
      file(RELOAD, RELOAD_TEXT, { mode: "0700" }),
      file(PLACE_IF_WATCHED, placeText(), { mode: "0700" }),
      ...(settings.sentinels.length > 0 ? placeFiles(settings) : []),
      file(dropIn(UNIT), DROP_IN, { onChange: pending(UNIT) }),
    ],
    units: [running(UNIT, { stateful: true })],
    ready: {
      name: "Redis answers",
      command: `${REDIS_CLI} -e PING`,
      // Reading its file takes a minute for some gigabytes (Redis documentation, "Redis persistence").
      deadlineSeconds: 300,
      units: [UNIT],
    },
  });
}

/** One `name value` a line, each of which CONFIG SET takes. */
function liveConfiguration({ address, memoryMb, evictionPolicy }: RedisServerSettings): string {
  return lines(
    `tls-port ${PORTS.redisServer}`,
    `replica-announce-ip ${address}`,
    // A replica that was away for some moments gets only what it missed (Redis' default of 1 MB is soon over).
    "repl-backlog-size 16777216",
    // Either goes on without the other: see docs/redis.md.
    "min-replicas-to-write 0",
    `maxmemory ${memoryMb * 1024 ** 2}`,
    `maxmemory-policy ${evictionPolicy}`,
    // A second of writes is the most that a power failure costs.
    "appendfsync everysec",
    // A crash in the middle of a write leaves half a record at the end: it is dropped, and said in the journal.
    "aof-load-truncated yes",
    "auto-aof-rewrite-percentage 100",
    "auto-aof-rewrite-min-size 67108864",
    "lazyfree-lazy-eviction yes",
    "lazyfree-lazy-expire yes",
    "tcp-keepalive 60",
    "tls-protocols TLSv1.3",
    `tls-ca-cert-file ${CERTIFICATE}/ca.pem`,
    `tls-cert-file ${CERTIFICATE}/endpoint.pem`,
    `tls-key-file ${CERTIFICATE}/endpoint.key`,
  );
}

function ownConfiguration({ replicaOf }: RedisServerSettings): string {
  return lines(
    "# Redis keeps here what it was told while it ran.",
    ...(replicaOf === null ? [] : [`replicaof ${replicaOf} ${PORTS.redisServer}`]),
  );
}

/** What `redis-place` needs to ask the Sentinels. */
function placeFiles({ address, name, sentinels }: RedisServerSettings): ManagedFile[] {
  const known = {
    cache: name,
    address,
    port: PORTS.redisServer,
    sentinels,
    sentinelPort: PORTS.sentinel,
  };
  return [
    file(SENTINELS, SENTINELS_PROGRAM, { mode: "0700" }),
    file(REDIS_SENTINELS_FILE, `${JSON.stringify(known, null, 2)}\n`),
    file(SENTINEL_PASSWORD, secret(SECRETS.sentinelPassword), { mode: "0600" }),
  ];
}

/**
 * A primary that was lost and comes back would take writes until a Sentinel has noticed, and they would be lost: so it
 * asks them before it starts.
 */
function placeText(): string {
  const options = [
    `--settings ${REDIS_SENTINELS_FILE} --ca ${CERTIFICATE}/ca.pem --password ${SENTINEL_PASSWORD}`,
    `--file ${OWN_FILE}`,
  ];
  return lines(
    "#!/bin/sh",
    "set -eu",
    `[ -e ${REDIS_SENTINELS_FILE} ] || exit 0`,
    `exec ${SENTINELS} place ${options.join(" ")}`,
  );
}

/**
 * `save ""`: the append-only file is the data; snapshots beside it would write everything twice. The replication
 * user stands here from the first day, so that a replica can join without a restart.
 */
const FIXED_CONFIGURATION = lines(
  "port 0",
  "bind * -::*",
  "tls-auth-clients no",
  "tls-replication yes",
  `masteruser ${USERS.peer}`,
  `masterauth ${secret(SECRETS.redisPeerPassword)}`,
  `aclfile ${USERS_FILE}`,
  `unixsocket ${REDIS_SOCKET}`,
  "unixsocketperm 700",
  "pidfile /run/redis/redis-server.pid",
  `dir ${REDIS_DATA}`,
  "appendonly yes",
  'save ""',
  'logfile ""',
);

/** The password comes by the environment: arguments can be read by everybody on the machine. */
const CLIENT = lines(
  "#!/bin/sh",
  "set -eu",
  `REDISCLI_AUTH=$(cat ${KNOWN_PASSWORD})`,
  "export REDISCLI_AUTH",
  `exec redis-cli -s ${REDIS_SOCKET} --user ${USERS.admin} --no-auth-warning "$@"`,
);

/** Certificates are read again though their paths are the same. All settings are taken, or none is. */
const RELOAD_TEXT = lines(
  "#!/bin/sh",
  "set -eu",
  "set --",
  "while read -r name value; do",
  '  set -- "$@" "$name" "$value"',
  `done < ${LIVE}`,
  `${REDIS_CLI} -e CONFIG SET "$@" > /dev/null`,
  `${REDIS_CLI} -e ACL LOAD > /dev/null`,
  KNOW,
);

/**
 * Our files come last, so that they win over what Redis wrote into its own. It is never given up: what keeps it from
 * starting, a full disk for one, may pass; but tried twice a minute rather than every second after a while.
 */
const DROP_IN = unitFile({
  Unit: { StartLimitIntervalSec: 0 },
  Service: {
    ExecStartPre: `+${PLACE_IF_WATCHED}`,
    ExecStart: [
      "",
      `/usr/bin/redis-server ${OWN_FILE} --include ${FIXED} --include ${LIVE} --supervised systemd --daemonize no`,
    ],
    // The unit's own walls do not hold for these two: they are root's.
    ExecStartPost: `+${KNOW}`,
    ExecReload: `+${RELOAD}`,
    TimeoutStartSec: "infinity",
    ReadWritePaths: ["", REDIS_DATA],
    UMask: "0077",
    Restart: "always",
    RestartSec: 1,
    RestartSteps: 5,
    RestartMaxDelaySec: 30,
  },
});
