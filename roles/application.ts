import { directory, file, lines, restart, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { SECRETS, secret } from "./secrets.ts";
import { unitFile } from "./unit.ts";

export interface ApplicationSettings {
  /** Where it answers, `/health` among the rest. */
  port: number;
  database: {
    name: string;
    user: string;
    /** Where applications reach the poolers: an address or a name. */
    host: string;
    writePort: number;
    readPort: number;
  };
  /** Null: there is no cache. */
  cache: ApplicationCache | null;
  /** Connections of each of its two pools. */
  poolSize: number;
  /** One JavaScript file for Node, gzipped, as base64: it is large, and no line of it is meant to be read. */
  program: string;
}

export interface ApplicationCache {
  user: string;
  host: string;
  port: number;
  /** Who knows where the primary is, as "address:port"; nobody where it never moves. */
  sentinels: string[];
  /** The name that they know it by. */
  name: string;
}

export const APPLICATION_PACKAGES = ["nodejs"];

const UNIT = "phasewise-app.service";
const FOLDER = "/etc/phasewise/app";
const PROGRAM = `${FOLDER}/app.mjs.gz.base64`;

/** An application server: one program with all that it needs to reach the data layer. */
export function application(settings: ApplicationSettings): RoleManifest {
  const onChange = restart(UNIT);
  return role("application", {
    packages: APPLICATION_PACKAGES,
    directories: [directory(FOLDER)],
    files: [
      file(`${FOLDER}/ca.pem`, secret(SECRETS.caCertificate), { onChange }),
      file(`${FOLDER}/environment`, environment(settings), { mode: "0600", onChange }),
      file(PROGRAM, `${settings.program}\n`, { onChange }),
      file(`/etc/systemd/system/${UNIT}`, SERVICE, { onChange }),
    ],
    units: [running(UNIT)],
    ready: {
      name: "the application answers",
      command: `curl -sf --max-time 5 http://127.0.0.1:${settings.port}/health`,
      deadlineSeconds: 60,
      units: [UNIT],
    },
  });
}

function environment({ port, database, cache, poolSize }: ApplicationSettings): string {
  const { name, user, host, writePort, readPort } = database;
  const url = (at: number) =>
    `postgresql://${user}:${secret(SECRETS.applicationPassword)}@${host}:${at}/${name}`;
  return lines(
    "NODE_ENV=production",
    `PORT=${port}`,
    `POOL_SIZE=${poolSize}`,
    `DATABASE_URL=${url(writePort)}`,
    `DATABASE_READ_URL=${url(readPort)}`,
    `DATABASE_CA=${FOLDER}/ca.pem`,
    ...(cache ? cacheVariables(cache) : []),
  );
}

function cacheVariables({ host, name, port, sentinels, user }: ApplicationCache): string[] {
  const url = `REDIS_URL=rediss://${user}:${secret(SECRETS.redisPassword)}@${host}:${port}/0`;
  if (sentinels.length === 0) return [url];
  return [
    url,
    `REDIS_MASTER=${name}`,
    `REDIS_SENTINELS=${sentinels.join(",")}`,
    `REDIS_SENTINEL_PASSWORD=${secret(SECRETS.sentinelPassword)}`,
  ];
}

/** A user of its own for each run, with nothing to write to: what it keeps is in the database. */
const SERVICE = unitFile({
  Unit: { Description: "Application in front of the data layer", After: "network-online.target" },
  Service: {
    DynamicUser: "yes",
    RuntimeDirectory: "phasewise-app",
    EnvironmentFile: `${FOLDER}/environment`,
    ExecStartPre: `/bin/sh -c 'base64 -d ${PROGRAM} | gunzip > /run/phasewise-app/app.mjs'`,
    ExecStart: "/usr/bin/node /run/phasewise-app/app.mjs",
    Restart: "always",
    RestartSec: 1,
    NoNewPrivileges: "yes",
    ProtectSystem: "strict",
    ProtectHome: "yes",
    PrivateTmp: "yes",
  },
  Install: { WantedBy: "multi-user.target" },
});
