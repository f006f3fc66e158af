import { ed25519FromSeed } from "../../../../../clients/ssh/keys.ts";
import type { Manifest } from "../../../../../plugins/native/host/manifest.ts";

export const operatorKey = ed25519FromSeed(Buffer.alloc(32, 1));
export const bootstrapKey = ed25519FromSeed(Buffer.alloc(32, 2));

/** A small manifest with something of everything; a new copy for each call. */
export function sampleManifest(): Manifest {
  return {
    version: 1,
    hostname: "core-1",
    mounts: [
      { device: "/dev/disk/by-id/scsi-0HC_Volume_1", path: "/data", filesystem: "xfs", options: ["discard"] },
    ],
    roles: [
      {
        name: "base",
        packages: ["curl"],
        hold: [],
        directories: [{ path: "/etc/x", owner: "root", group: "root", mode: "0755" }],
        files: [
          {
            path: "/etc/x/y.conf",
            owner: "root",
            group: "root",
            mode: "0640",
            content: "pw={{secret:pw}}\n",
          },
        ],
        prepare: [],
        units: [],
        finish: [],
      },
      {
        name: "cache",
        packages: ["redis-server"],
        hold: ["redis-server"],
        directories: [{ path: "/data/redis", owner: "redis", group: "redis", mode: "0750" }],
        files: [
          {
            path: "/etc/redis/redis.conf",
            owner: "redis",
            group: "redis",
            mode: "0640",
            content: "port 6379\n",
            seed: true,
            onChange: [{ unit: "redis-server.service", action: "pending" }],
          },
        ],
        prepare: [{ name: "before", probe: "true", act: "true" }],
        units: [{ name: "redis-server.service", state: "running", stateful: true }],
        finish: [{ name: "after", probe: "true", act: "true" }],
        ready: {
          name: "redis",
          command: "redis-cli ping",
          deadlineSeconds: 20,
          units: ["redis-server.service"],
        },
      },
    ],
  };
}

/** Inputs of a Host as a program gives them. */
export function sampleInputs(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    connection: { host: "198.18.0.2", privateKey: operatorKey.privateKey },
    bootstrapHostKey: bootstrapKey.publicKey,
    manifest: sampleManifest(),
    secrets: { pw: "topsecret" },
    ...changes,
  };
}
