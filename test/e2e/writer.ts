import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** A row whose commit was acknowledged: by which server (its private address), and when (`performance.now()`). */
export interface Acknowledgement {
  number: number;
  server: string;
  at: number;
}

/** What a writer knows when it has stopped. */
export interface Written {
  /** Numbers of the rows whose commit was acknowledged. */
  acknowledged: number[];
  acknowledgements: Acknowledgement[];
  /** The longest time between two acknowledgements, in milliseconds. */
  longestGapMs: number;
  /** From the strike to the first acknowledgement of a transaction that began after it; null without a strike. */
  recoveredMs: number | null;
  errors: number;
  /** What went wrong, each message with the number of times. */
  reasons: Record<string, number>;
}

export interface WriterOptions {
  /** Another host of the same endpoint: one gateway instead of the load balancer. */
  host?: string;
  /** Numbers of the rows: this one and every `step`th after it, so that several writers share a table. */
  first?: number;
  step?: number;
  /** Pause after each row (milliseconds): the machine is left something to work with. */
  pauseMs?: number;
  /** When a connection, or a statement, is given up (milliseconds). */
  patienceMs?: number;
}

/** A pause between two tries where nothing answers (milliseconds). */
const pause = 50;
/** As an application that would rather try again (milliseconds). */
const patience = 3000;

/**
 * Writes numbered rows through the clients' endpoint, one after the other, as an application that connects again
 * when it loses its connection. What was acknowledged is kept here, outside of the database.
 */
export class Writer {
  readonly #url: string;
  readonly #ca: string;
  readonly #options: Required<Omit<WriterOptions, "host">>;
  readonly #acknowledgements: Acknowledgement[] = [];
  readonly #reasons: Record<string, number> = {};
  #stopping = false;
  #errors = 0;
  #last = 0;
  #longest = 0;
  #struck: number | null = null;
  #recovered: number | null = null;
  #loop: Promise<void> = Promise.resolve();

  /** @param url As `phasewise url --show-secrets` prints it, with its `sslrootcert`. */
  constructor(url: string, { host, ...options }: WriterOptions = {}) {
    const parsed = new URL(url);
    this.#ca = readFileSync(parsed.searchParams.get("sslrootcert")!, "utf8");
    parsed.search = "";
    if (host !== undefined) parsed.hostname = host;
    this.#url = parsed.href;
    this.#options = { first: 1, step: 1, pauseMs: 10, patienceMs: patience, ...options };
  }

  /** Begins to write into the table `numbered`, which must be there; returns with the first acknowledgement. */
  async start(): Promise<void> {
    this.begin();
    while (this.count === 0) await Promise.race([sleep(20), this.#loop]);
  }

  /** Begins to write, and waits for nothing. */
  begin(): void {
    this.#loop = this.#run();
  }

  /** Call it in the moment in which the world breaks. */
  strike(): void {
    this.#struck = performance.now();
    this.#recovered = null;
  }

  /** Whether a row that was begun after the strike has been acknowledged. */
  get recovered(): boolean {
    return this.#recovered !== null;
  }

  get count(): number {
    return this.#acknowledgements.length;
  }

  /** When the last row was acknowledged, and by whom; undefined before the first. */
  get last(): Acknowledgement | undefined {
    return this.#acknowledgements.at(-1);
  }

  async stop(): Promise<Written> {
    this.#stopping = true;
    await this.#loop;
    return {
      acknowledged: this.#acknowledgements.map(({ number }) => number),
      acknowledgements: this.#acknowledgements,
      longestGapMs: Math.round(this.#longest),
      recoveredMs: this.#recovered === null ? null : Math.round(this.#recovered),
      errors: this.#errors,
      reasons: this.#reasons,
    };
  }

  async #run(): Promise<void> {
    const { first, pauseMs, step } = this.#options;
    let number = first - step;
    while (!this.#stopping) {
      const client = new pg.Client({
        connectionString: this.#url,
        ssl: { ca: this.#ca },
        connectionTimeoutMillis: this.#options.patienceMs,
        query_timeout: this.#options.patienceMs,
      });
      client.on("error", () => {});
      try {
        await client.connect();
        while (!this.#stopping) {
          number += step;
          const begun = performance.now();
          const sql = "INSERT INTO numbered VALUES ($1) RETURNING host(inet_server_addr()) AS server";
          const { rows } = await client.query<{ server: string }>(sql, [number]);
          this.#acknowledge({ number, server: rows[0]!.server, at: performance.now() }, begun);
          if (pauseMs > 0) await sleep(pauseMs);
        }
      } catch (error) {
        this.#errors++;
        const { code, message } = error as { code?: string; message: string };
        const reason = `${code ?? ""} ${message}`.trim();
        this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1;
        await sleep(pause);
      }
      client.end().catch(() => {});
    }
  }

  #acknowledge(row: Acknowledgement, begun: number): void {
    if (this.#last > 0) this.#longest = Math.max(this.#longest, row.at - this.#last);
    this.#last = row.at;
    this.#acknowledgements.push(row);
    if (this.#struck !== null && this.#recovered === null && begun > this.#struck)
      this.#recovered = row.at - this.#struck;
  }
}
