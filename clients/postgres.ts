import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { Client } from "pg";

/** How to reach a database by TLS with everything verified. */
export interface PostgresTarget {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  /** PEM of the only authority that is trusted. */
  caCertificate: string;
}

export interface PostgresSession {
  /** Runs one statement and gives its rows. */
  rows<T = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<T[]>;
  /** What the server identified itself with. */
  certificate: PeerCertificate;
}

/** How long a connection, and each statement, may take (milliseconds). */
const patience = 10_000;

/**
 * Connects, calls `use` and closes the connection however that ends. The server's certificate must be of the
 * authority and must name the host, be that a name or an address.
 */
export async function withPostgres<T>(
  target: PostgresTarget,
  use: (session: PostgresSession) => Promise<T>,
): Promise<T> {
  const { default: pg } = await import("pg");
  const { caCertificate, ...connection } = target;
  let certificate: PeerCertificate | undefined;
  const client: Client = new pg.Client({
    ...connection,
    application_name: "phasewise",
    connectionTimeoutMillis: patience,
    query_timeout: patience,
    ssl: {
      ca: caCertificate,
      minVersion: "TLSv1.2",
      // The driver leaves the name out where the host is an address; the address itself is to be verified then.
      checkServerIdentity: (_name, cert) => {
        certificate = cert;
        return checkServerIdentity(target.host, cert);
      },
    },
  });
  // A connection that breaks between two statements is told by the next statement.
  client.on("error", () => {});
  await client.connect();
  try {
    return await use({
      certificate: certificate!,
      rows: async <R>(sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows as R[],
    });
  } finally {
    await client.end();
  }
}
