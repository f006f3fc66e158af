import { mkdir, statfs } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Account, ensureAccounts, readAccounts } from "./accounts.ts";
import { ensureCertificate, readAuthority } from "./certificate.ts";
import { FaultInjection } from "./faults.ts";
import { createHandler } from "./handler.ts";
import { openStore, type Store } from "./store/store.ts";

/** A connection that says nothing for so long is closed. */
const idleTimeout = 120_000;
/** A connection is kept for the client's next request: pgBackRest comes back at each WAL segment. */
const keepAlive = 75_000;
/** How long requests that are being answered may go on when the server is closed. */
const closingTime = 5_000;
const defaultPort = 9000;
const certificateCheck = 12 * 3600_000;
/** How often the lifecycle rules are applied. Their times are days, so that this is soon. */
const expiryRound = 3600_000;

export interface ObjectStorageOptions {
  /** Holds all that it keeps: keys, certificates, index, contents. Made where it is missing, mode 0700. */
  directory: string;
  /**
   * Where to listen, and what the certificate is for: the bridge's gateway address, so that two clouds on one host
   * can have the same port. They must be up; the first one stands in `endpoint`.
   */
  addresses: string[];
  /** 9000 where none is given; 0 takes a free one. */
  port?: number;
  /** What GetBucketLocation says; "local" where none is given. Clients may sign for any region. */
  region?: string;
  /** Lines for the daemon's log; no secret is in them. */
  log(line: string): void;
  /** The time against which signatures are checked, and by which objects grow old. */
  now?: () => Date;
}

/** What a client needs to use it. */
export interface ObjectStorageAccess {
  accessKey: string;
  secretKey: string;
  /** Of the authority, in PEM. */
  caCertificate: string;
}

export interface ObjectStorage extends ObjectStorageAccess {
  /** `https://<first address>:<port>`. */
  endpoint: string;
  region: string;
  port: number;
  /** Whether its index can be read, and how much room there is. */
  health(): Promise<{ ok: boolean; detail: string }>;
  /** Stops listening, lets requests end for a few seconds, closes everything. */
  close(): Promise<void>;
}

/**
 * Starts the S3 server of the embedded cloud, over TLS with an authority of its own. After a crash it goes on where
 * it was: every object is whole, and what was half-uploaded is gone.
 * @throws Error for people: port taken, address not there, store in use by another process.
 */
export async function startObjectStorage(options: ObjectStorageOptions): Promise<ObjectStorage> {
  const { directory, addresses, region = "local", now = () => new Date() } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const store = await openStore(join(directory, "data"), () => now().getTime());
  try {
    const accounts = await ensureAccounts(directory);
    let tls = await ensureCertificate(directory, addresses);
    const handler = createHandler({
      store,
      accounts,
      region,
      faults: new FaultInjection(directory),
      now,
      onError: (error) =>
        options.log(`Object storage: ${error instanceof Error ? error.stack : String(error)}`),
    });
    const context = () => ({ cert: tls.certificate, key: tls.privateKey, minVersion: "TLSv1.2" as const });
    const servers = await listenAll(options, () => makeServer(context(), handler));
    const port = (servers[0]!.address() as AddressInfo).port;
    const expiry = applyLifecycle(store, options.log);
    const renewal = setInterval(() => {
      renew().catch((error) => options.log(`Object storage: its certificate cannot be renewed: ${error}`));
    }, certificateCheck);
    renewal.unref();

    async function renew(): Promise<void> {
      tls = await ensureCertificate(directory, addresses);
      for (const server of servers) server.setSecureContext(context());
    }
    return {
      ...access(accounts, tls.authority),
      port,
      region,
      endpoint: `https://${addresses[0]!}:${port}`,
      health: () => health(store, directory),
      close: async () => {
        clearInterval(renewal);
        await Promise.all([...servers.map(closeServer), expiry.stop()]);
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Applies the lifecycle rules now and from time to time. */
function applyLifecycle(store: Store, log: (line: string) => void): { stop(): Promise<void> } {
  const ending = new AbortController();
  let round = Promise.resolve();
  const begin = () => {
    round = round.then(async () => {
      try {
        const { objects, versions, uploads } = await store.expiry.run(ending.signal);
        if (objects + versions + uploads === 0) return;
        log(
          `Object storage: the lifecycle rules ended ${objects} objects, ${versions} older versions and ` +
            `${uploads} unfinished uploads`,
        );
      } catch (error) {
        log(`Object storage: the lifecycle rules cannot be applied, tried again in an hour: ${error}`);
      }
    });
  };
  begin();
  const timer = setInterval(begin, expiryRound);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      ending.abort();
      await round;
    },
  };
}

/** Keys and authority of the object storage in `directory`, running or not; null where it was never started. */
export async function readObjectStorageAccess(directory: string): Promise<ObjectStorageAccess | null> {
  const [accounts, authority] = await Promise.all([readAccounts(directory), readAuthority(directory)]);
  return accounts === null || authority === null ? null : access(accounts, authority);
}

function access(accounts: Account[], caCertificate: string): ObjectStorageAccess {
  const { accessKey, secretKey } = accounts[0]!;
  return { accessKey, secretKey, caCertificate };
}

function makeServer(context: object, handler: ReturnType<typeof createHandler>): Server {
  const listener =
    (continues: boolean): RequestListener =>
    (request, response) =>
      void handler(request, response, continues);
  const server = createServer(
    { ...context, keepAliveTimeout: keepAlive, requestTimeout: 0 },
    listener(false),
  );
  // A client that asks first is answered once its signature is checked.
  server.on("checkContinue", listener(true));
  server.setTimeout(idleTimeout);
  return server;
}

/** One server an address, all on one port; none at all when one of them fails. */
async function listenAll(options: ObjectStorageOptions, make: () => Server): Promise<Server[]> {
  const servers: Server[] = [];
  let { port = defaultPort } = options;
  try {
    for (const address of options.addresses) {
      const server = make();
      await listen(server, address, port);
      servers.push(server);
      port = (server.address() as AddressInfo).port;
    }
    return servers;
  } catch (error) {
    await Promise.all(servers.map(closeServer));
    throw error;
  }
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explain(error, address, port)));
    server.listen(port, address, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
}

function explain(error: NodeJS.ErrnoException, address: string, port: number): Error {
  const reasons: Record<string, string> = {
    EADDRINUSE:
      `The object storage cannot listen on ${address}:${port}: another program uses that port. Nothing was changed. ` +
      `See which one with \`ss -ltnp 'sport = :${port}'\`; stop it, or give the cloud another port.`,
    EADDRNOTAVAIL:
      `The object storage cannot listen on ${address}:${port}: this host does not have that address. ` +
      "Nothing was changed. The cloud's bridge has to be up before.",
    EACCES: `The object storage may not listen on ${address}:${port}. Nothing was changed. Choose a port above 1023.`,
  };
  const reason = reasons[error.code ?? ""];
  return reason === undefined ? error : new Error(reason, { cause: error });
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection whose answer is just being sent becomes idle a little later, and would then stay open.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const rest = setTimeout(() => server.closeAllConnections(), closingTime);
  await closed;
  clearInterval(idle);
  clearTimeout(rest);
}

async function health(store: Store, directory: string): Promise<{ ok: boolean; detail: string }> {
  try {
    store.probe();
    const { bavail, bsize } = await statfs(directory);
    return { ok: true, detail: `${(Number(bavail * bsize) / 1e9).toFixed(1)} GB free` };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
