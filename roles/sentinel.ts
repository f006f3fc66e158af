import { directory, file, lines, restart, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { LIBEXEC, PORTS, SENTINEL_DATA, SENTINEL_SOCKET } from "./paths.ts";
import { sentinelUsers, USERS } from "./redisUsers.ts";
import { SECRETS, secret } from "./secrets.ts";
import { SENTINELS_PROGRAM } from "./sentinels.ts";
import { nodeTls, nodeTlsFiles } from "./tls.ts";
import { dropIn, unitFile } from "./unit.ts";

export interface SentinelSettings {
  /** This machine's private address. */
  address: string;
  /** Addresses of all Sentinels, this one among them. */
  sentinels: string[];
  caches: WatchedCache[];
}

export interface WatchedCache {
  name: string;
  /** Address of the machine whose Redis is the primary where no Sentinel knows better. */
  primary: string;
}

export const SENTINEL_PACKAGES = ["redis-sentinel"];
/** A shell command that speaks to the machine's Sentinel as its administrator; root's alone. */
export const SENTINEL_CLI = `${LIBEXEC}/sentinel-cli`;

/**
 * Milliseconds without a sign of life after which a Sentinel takes a Redis for lost. Its forks and slow commands take
 * tens of them (docs/redis.md, "Memory"); a failover that was not needed costs the last writes.
 */
const DOWN_AFTER_MS = 5000;
/** Milliseconds after which a failover that stands still is tried again by another Sentinel. */
const FAILOVER_TIMEOUT_MS = 20_000;

const UNIT = "redis-sentinel.service";
const CONFIGURATION = "/etc/phasewise/sentinel";
const FIXED = `${CONFIGURATION}/start.conf`;
const USERS_FILE = `${CONFIGURATION}/users.acl`;
const WATCHED = `${CONFIGURATION}/watched.json`;
const PASSWORD = `${CONFIGURATION}/client.password`;
const ADMIN_PASSWORD = `${CONFIGURATION}/admin.password`;
const WATCH = `${LIBEXEC}/sentinel-watch`;
/** Sentinel's own file: whom it watches, who is whose replica, and what was agreed last. */
const OWN_FILE = `${SENTINEL_DATA}/sentinel.conf`;

/**
 * One of the Sentinels that agree on who is the primary of each cache, and make a replica one where it is lost. What
 * they know is their own: it is told to them by command, and only where they do not know it, so that a converge takes
 * no failover back. A restart costs nothing but a moment without it.
 */
export function sentinel(settings: SentinelSettings): RoleManifest {
  const onChange = restart(UNIT);
  const tls = nodeTlsFiles("sentinel", { owner: "redis", onRenewal: onChange, onNewAuthority: onChange });
  const own = { group: "redis", mode: "0640", onChange };
  return role("sentinel", {
    packages: SENTINEL_PACKAGES,
    hold: SENTINEL_PACKAGES,
    directories: [
      ...tls.directories,
      directory(CONFIGURATION, { group: "redis", mode: "0750" }),
      directory(SENTINEL_DATA, { owner: "redis", mode: "0700" }),
      directory(LIBEXEC),
    ],
    files: [
      ...tls.files,
      file(USERS_FILE, sentinelUsers(), own),
      file(FIXED, fixedConfiguration(settings), own),
      file(OWN_FILE, "# Sentinel keeps here what it knows.\n", { owner: "redis", mode: "0600", seed: true }),
      file(ADMIN_PASSWORD, secret(SECRETS.sentinelAdminPassword), { mode: "0600" }),
      file(PASSWORD, secret(SECRETS.sentinelPassword), { mode: "0600" }),
      file(WATCHED, watchedText(settings), { mode: "0600", onChange }),
      file(`${LIBEXEC}/sentinel-program`, SENTINELS_PROGRAM, { mode: "0700" }),
      file(WATCH, watchText(), { mode: "0700" }),
      file(SENTINEL_CLI, CLIENT, { mode: "0700" }),
      file(dropIn(UNIT), DROP_IN, { onChange }),
    ],
    units: [running(UNIT)],
    finish: [{ name: "what Sentinel watches", probe: `${WATCH} --check`, act: WATCH }],
    ready: {
      name: "Sentinel answers",
      command: `${SENTINEL_CLI} -e PING`,
      deadlineSeconds: 60,
      units: [UNIT],
    },
  });
}

function fixedConfiguration({ address }: SentinelSettings): string {
  const { ca, certificate, key } = nodeTls("sentinel");
  return lines(
    "port 0",
    `tls-port ${PORTS.sentinel}`,
    "bind * -::*",
    "tls-auth-clients no",
    "tls-replication yes",
    "tls-protocols TLSv1.3",
    `tls-ca-cert-file ${ca}`,
    `tls-cert-file ${certificate}`,
    `tls-key-file ${key}`,
    `aclfile ${USERS_FILE}`,
    `unixsocket ${SENTINEL_SOCKET}`,
    "unixsocketperm 700",
    "pidfile /run/sentinel/redis-sentinel.pid",
    `dir ${SENTINEL_DATA}`,
    'logfile ""',
    `sentinel sentinel-user ${USERS.peer}`,
    `sentinel sentinel-pass ${secret(SECRETS.sentinelPeerPassword)}`,
    `sentinel announce-ip ${address}`,
    `sentinel announce-port ${PORTS.sentinel}`,
    "sentinel deny-scripts-reconfig yes",
  );
}

function watchedText({ caches, sentinels }: SentinelSettings): string {
  const watched = caches.map(({ name, primary }) => [
    name,
    {
      primary,
      quorum: Math.floor(sentinels.length / 2) + 1,
      user: USERS.sentinel,
      password: secret(SECRETS.redisSentinelPassword),
      downAfterMs: DOWN_AFTER_MS,
      failoverTimeoutMs: FAILOVER_TIMEOUT_MS,
      parallelSyncs: 1,
    },
  ]);
  const text = {
    sentinels,
    sentinelPort: PORTS.sentinel,
    port: PORTS.redisServer,
    caches: Object.fromEntries(watched),
  };
  return `${JSON.stringify(text, null, 2)}\n`;
}

function watchText(): string {
  const options = [
    `--settings ${WATCHED} --ca ${nodeTls("sentinel").ca} --password ${PASSWORD}`,
    `--socket ${SENTINEL_SOCKET} --admin ${ADMIN_PASSWORD}`,
  ];
  return lines("#!/bin/sh", `exec ${LIBEXEC}/sentinel-program watch ${options.join(" ")} "$@"`);
}

/** The password comes by the environment: arguments can be read by everybody on the machine. */
const CLIENT = lines(
  "#!/bin/sh",
  "set -eu",
  `REDISCLI_AUTH=$(cat ${ADMIN_PASSWORD})`,
  "export REDISCLI_AUTH",
  `exec redis-cli -s ${SENTINEL_SOCKET} --user ${USERS.admin} --no-auth-warning "$@"`,
);

/** Ours come last, and win over what Sentinel wrote of them into its own. Watching begins with each start. */
const DROP_IN = unitFile({
  Unit: { StartLimitIntervalSec: 0 },
  Service: {
    ExecStart: [
      "",
      `/usr/bin/redis-sentinel ${OWN_FILE} --include ${FIXED} --supervised systemd --daemonize no`,
    ],
    // What it knows already it watches in any case; `verify` tells what is missing.
    ExecStartPost: `-+${WATCH}`,
    ReadWritePaths: ["", SENTINEL_DATA],
    UMask: "0077",
    Restart: "always",
    RestartSec: 1,
  },
});
