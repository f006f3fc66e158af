import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** A read: who answered, when (`performance.now()`), and the newest row that was seen. */
export interface Read {
  server: string;
  at: number;
  newest: number;
}

/** Reads five times a second through the clients' port for reads, each time on a new connection. */
export class Reader {
  readonly #url: string;
  readonly #ca: string;
  readonly reads: Read[] = [];
  errors = 0;
  #stopping = false;
  readonly #loop: Promise<void>;

  /** @param url As `phasewise url --show-secrets` prints it. */
  constructor(url: string) {
    const parsed = new URL(url);
    this.#ca = readFileSync(parsed.searchParams.get("sslrootcert")!, "utf8");
    parsed.search = "";
    parsed.port = "6433";
    this.#url = parsed.href;
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.#read().catch(() => this.errors++);
      await sleep(200);
    }
  }

  async #read(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url, ssl: { ca: this.#ca }, query_timeout: 3000 });
    client.on("error", () => {});
    try {
      await client.connect();
      const sql = "SELECT host(inet_server_addr()) AS server, max(n) AS newest FROM numbered";
      const { rows } = await client.query<{ server: string; newest: number }>(sql);
      this.reads.push({ server: rows[0]!.server, at: performance.now(), newest: rows[0]!.newest });
    } finally {
      client.end().catch(() => {});
    }
  }

  /** Who answered since a time. */
  since(at: number): Set<string> {
    return new Set(this.reads.filter((read) => read.at >= at).map(({ server }) => server));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await this.#loop;
  }
}
