import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** What a writer knows when it has stopped. */
export interface Written {
  /** Numbers of the rows whose commit was acknowledged. */
  acknowledged: number[];
  /** The longest time between two acknowledgements, in milliseconds. */
  longestGapMs: number;
  /** From the strike to the first acknowledgement of a transaction that began after it; null without a strike. */
  recoveredMs: number | null;
  errors: number;
}

/** A pause between two tries where nothing answers (milliseconds). */
const pause = 50;
/** A connection, or a statement, that has taken this long is given up (milliseconds). */
const patience = 3000;

/**
 * Writes numbered rows through the clients' endpoint, one after the other, as an application that connects again
 * when it loses its connection. What was acknowledged is kept here, outside of the database.
 */
export class Writer {
  readonly #url: string;
  readonly #ca: string;
  readonly #acknowledged: number[] = [];
  #stopping = false;
  #errors = 0;
  #last = 0;
  #longest = 0;
  #struck: number | null = null;
  #recovered: number | null = null;
  #loop: Promise<void> = Promise.resolve();

  /** @param url As `phasewise url --show-secrets` prints it, with its `sslrootcert`. */
  constructor(url: string) {
    const parsed = new URL(url);
    this.#ca = readFileSync(parsed.searchParams.get("sslrootcert")!, "utf8");
    parsed.search = "";
    this.#url = parsed.href;
  }

  /** Begins to write into the table `numbered`, which must be there; returns with the first acknowledgement. */
  async start(): Promise<void> {
    this.#loop = this.#run();
    while (this.#acknowledged.length === 0) await Promise.race([sleep(20), this.#loop]);
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
    return this.#acknowledged.length;
  }

  async stop(): Promise<Written> {
    this.#stopping = true;
    await this.#loop;
    return {
      acknowledged: this.#acknowledged,
      longestGapMs: Math.round(this.#longest),
      recoveredMs: this.#recovered === null ? null : Math.round(this.#recovered),
      errors: this.#errors,
    };
  }

  async #run(): Promise<void> {
    let number = 0;
    while (!this.#stopping) {
      const client = new pg.Client({
        connectionString: this.#url,
        ssl: { ca: this.#ca },
        connectionTimeoutMillis: patience,
        query_timeout: patience,
      });
      client.on("error", () => {});
      try {
        await client.connect();
        while (!this.#stopping) {
          number++;
          const begun = performance.now();
          await client.query("INSERT INTO numbered VALUES ($1)", [number]);
          this.#acknowledge(number, begun);
        }
      } catch {
        this.#errors++;
        await sleep(pause);
      }
      client.end().catch(() => {});
    }
  }

  #acknowledge(number: number, begun: number): void {
    const now = performance.now();
    if (this.#last > 0) this.#longest = Math.max(this.#longest, now - this.#last);
    this.#last = now;
    this.#acknowledged.push(number);
    if (this.#struck !== null && this.#recovered === null && begun > this.#struck)
      this.#recovered = now - this.#struck;
  }
}
