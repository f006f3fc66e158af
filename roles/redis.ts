import { directory, file, lines, pending, reload, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { LIBEXEC, PORTS, REDIS_DATA, REDIS_SOCKET, TLS } from "./paths.ts";
import { redisUsers, USERS } from "./redisUsers.ts";
import { SECRETS, secret } from "./secrets.ts";
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
/** Redis' own file: who is whose replica, written by Redis and Sentinel. */
const OWN_FILE = `${REDIS_DATA}/redis.conf`;

/**
 * The cache: TLS 1.3 only, with the endpoint's certificate; users with passwords only; an append-only file on the
 * volume. What can change while it runs is in a file of its own, which a reload applies, so that neither another
 * memory limit nor a new certificate costs a restart, which would close every connection.
 */
export function redis(settings: RedisSettings): RoleManifest {
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
      // Only where nothing is: from then on Redis writes it.
      file(OWN_FILE, "# Redis keeps here what it was told while it ran.\n", {
        owner: "redis",
        mode: "0600",
        seed: true,
      }),
      file(ADMIN_PASSWORD, secret(SECRETS.redisAdminPassword), { mode: "0600", onChange: reload(UNIT) }),
      file(REDIS_CLI, CLIENT, { mode: "0700" }),
      file(RELOAD, RELOAD_TEXT, { mode: "0700" }),
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
function liveConfiguration({ memoryMb, evictionPolicy }: RedisSettings): string {
  return lines(
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

/**
 * `save ""`: the append-only file is the data; snapshots beside it would write everything twice. The replication
 * user stands here from the first day, so that a replica can join without a restart.
 */
const FIXED_CONFIGURATION = lines(
  "port 0",
  `tls-port ${PORTS.redis}`,
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
