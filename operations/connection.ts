import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Topology } from "../infra/topology.ts";
import { Problem } from "../toolchain/problem.ts";
import type { OperationContext } from "./context.ts";
import { readDeployed } from "./topology.ts";

export interface Connection {
  public: {
    /** Without its password. */
    url: string;
    host: string;
    port: number;
    database: string;
    user: string;
    /** A file with the authority's certificate. */
    caCertificate: string;
  };
  password: string;
  /** With its password. */
  secretUrl: string;
}

/** How a client connects as one of the SQL roles; the authority's certificate is written to a file for it. */
export async function connection(stack: string, role: string, ctx: OperationContext): Promise<Connection> {
  const { topology, deployment } = await readDeployed(stack, ctx);
  const caFile = join(deployment.folder, "ca.pem");
  await writeFile(caFile, topology.caCertificate);
  return connectionOf(topology, role, caFile);
}

/** How clients in the private network find the primary of a cache by themselves. */
export interface SentinelConnection {
  /** What the Sentinels call the cache. */
  master: string;
  /** As address:port. */
  sentinels: string[];
  user: string;
}

export interface CacheConnection extends Connection {
  /** Null where the cache has one Redis. */
  sentinel: (SentinelConnection & { password: string }) | null;
}

/** How an application connects to the stack's cache. */
export async function cacheConnection(stack: string, ctx: OperationContext): Promise<CacheConnection> {
  const { topology, deployment } = await readDeployed(stack, ctx);
  const caFile = join(deployment.folder, "ca.pem");
  await writeFile(caFile, topology.caCertificate);
  return cacheConnectionOf(topology, caFile);
}

/** @throws Problem (exit 2) where the stack has none. */
export function cacheConnectionOf(topology: Topology, caFile: string): CacheConnection {
  const [cache] = topology.caches;
  if (!cache) {
    throw new Problem({
      happened: `${topology.stack} has no Redis.`,
      left: "Nothing was changed.",
      todo: [
        `Set phasewise:redis: {enabled: true} in stacks/Pulumi.${topology.stack}.yaml, then npx phasewise up ${topology.stack}`,
      ],
      exitCode: 2,
    });
  }
  const { host, port } = cache.endpoint;
  const { name: user, password } = cache.application;
  const text = (secret: string) => `rediss://${user}${secret && `:${secret}`}@${bracketed(host)}:${port}/0`;
  return {
    public: { url: text(""), host, port, database: "0", user, caCertificate: caFile },
    password,
    secretUrl: text(password),
    sentinel: cache.sentinel && {
      master: cache.name,
      sentinels: cache.sentinel.addresses,
      user: cache.sentinel.user,
      password: cache.sentinel.password,
    },
  };
}

/** @throws Problem (exit 2) where there is no such role. */
export function connectionOf(topology: Topology, role: string, caFile: string): Connection {
  const cluster = topology.clusters[0]!;
  const roles = cluster.roles as Record<string, { name: string; password: string }>;
  const found = Object.hasOwn(roles, role) ? roles[role] : undefined;
  if (!found) {
    throw new Problem({
      happened: `There is no role "${role}".`,
      left: "Nothing was changed.",
      todo: [`Give one of: ${Object.keys(roles).join(", ")}`],
      exitCode: 2,
    });
  }
  const { database } = topology.endpoints;
  const { host, port } = role === "readonly" ? topology.endpoints.read : topology.endpoints.write;
  const text = (password: string) => {
    const user = encodeURIComponent(found.name) + (password && `:${encodeURIComponent(password)}`);
    const query = new URLSearchParams({ sslmode: "verify-full", sslrootcert: caFile });
    return `postgresql://${user}@${bracketed(host)}:${port}/${database}?${query}`;
  };
  return {
    public: { url: text(""), host, port, database, user: found.name, caCertificate: caFile },
    password: found.password,
    secretUrl: text(found.password),
  };
}

/** A host as it stands in a URL. */
function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
