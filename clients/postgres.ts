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
  /** What the certificate must name where that is not `host`, as behind a tunnel. */
  identity?: string;
}

export interface PostgresSession {
  /** Runs one statement and gives its rows. */
  rows<T = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<T[]>;
  /** What the server identified itself with. */
  certificate: PeerCertificate;
}

/** How long a connection, and each statement of a short session, may take (milliseconds). */
const patience = 10_000;

export interface ClientOptions {
  /** How long a statement may take, in milliseconds; without one as long as the server lets it. */
  statementPatience?: number;
  /** Called with what the server identified itself with. */
  onCertificate?(certificate: PeerCertificate): void;
  /** Shown in pg_stat_activity; "phasewise" if left out. */
  applicationName?: string;
}

/**
 * A connected driver's client, to be ended by the caller: for streams and long statements. The server's certificate
 * must be of the authority and must name the host (or `identity`), be that a name or an address. A connection that
 * breaks between two statements is told by the next statement.
 */
export async function openClient(target: PostgresTarget, options: ClientOptions = {}): Promise<Client> {
  const { default: pg } = await import("pg");
  const { caCertificate, identity = target.host, ...connection } = target;
  const client: Client = new pg.Client({
    ...connection,
    application_name: options.applicationName ?? "phasewise",
    connectionTimeoutMillis: patience,
    ...(options.statementPatience === undefined ? {} : { query_timeout: options.statementPatience }),
    ssl: {
      ca: caCertificate,
      minVersion: "TLSv1.2",
      // The driver leaves the name out where the host is an address; the address itself is to be verified then.
      checkServerIdentity: (_name, certificate) => {
        options.onCertificate?.(certificate);
        return checkServerIdentity(identity, certificate);
      },
    },
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Connects, calls `use` and closes the connection however that ends; for statements of seconds. */
export async function withPostgres<T>(
  target: PostgresTarget,
  use: (session: PostgresSession) => Promise<T>,
): Promise<T> {
  let certificate: PeerCertificate | undefined;
  const client = await openClient(target, {
    statementPatience: patience,
    onCertificate: (shown) => {
      certificate = shown;
    },
  });
  try {
    return await use({
      certificate: certificate!,
      rows: async <R>(sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows as R[],
    });
  } finally {
    await client.end();
  }
}
