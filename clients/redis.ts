import { checkServerIdentity } from "node:tls";
import type { Redis } from "ioredis";

/** How to reach a Redis by TLS with everything verified. */
export interface RedisTarget {
  host: string;
  port: number;
  user: string;
  password: string;
  /** PEM of the only authority that is trusted. */
  caCertificate: string;
}

/** How long a connection, and each command, may take (milliseconds). */
const patience = 8000;

/**
 * Connects, calls `use` and closes the connection however that ends. The server's certificate must be of the
 * authority and must name the host, be that a name or an address. Nothing is tried twice: what cannot be reached is
 * told at once, with the reason.
 */
export async function withRedis<T>(target: RedisTarget, use: (client: Redis) => Promise<T>): Promise<T> {
  const { Redis } = await import("ioredis");
  const { host, port, user, password, caCertificate } = target;
  const client = new Redis({
    host,
    port,
    username: user,
    password,
    lazyConnect: true,
    connectTimeout: patience,
    commandTimeout: patience,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectionName: "phasewise",
    tls: {
      ca: caCertificate,
      minVersion: "TLSv1.3",
      // The driver leaves the name out where the host is an address; the address itself is to be verified then.
      checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    },
  });
  let reason: Error | undefined;
  // The command that fails says only that the connection is closed; this says why.
  client.on("error", (error: Error) => {
    reason ??= error;
  });
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    throw reason ?? error;
  } finally {
    client.disconnect();
  }
}

/** INFO's lines as names and values. */
export function parseInfo(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(":");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
