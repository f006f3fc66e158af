import type { Client, QueryResult } from "pg";
import { openClient, type PostgresTarget } from "../../clients/postgres.ts";
import { messageOf } from "../../toolchain/problem.ts";
import type { LedgerWriter } from "./ledger.ts";
import type { Wait } from "./stalls.ts";
import { INSERT, NEWEST } from "./table.ts";

export interface LoadSettings {
  /** Where clients write, and where they read. */
  write: PostgresTarget;
  read: PostgresTarget;
  run: string;
  /** Rows a second, over all writers. */
  rate: number;
  writers: number;
  /** Milliseconds after which a connection is given back and another one opened, as pools do; for ever if left out. */
  lifetimeMs?: number | undefined;
}

/** What a load saw, in plain numbers. */
export interface LoadReport {
  acknowledged: number;
  /** How long each acknowledged row waited. */
  waits: Wait[];
  reads: number;
  errors: number;
  /** The first few, for people, each with the milliseconds since the start. */
  samples: string[];
}

/** How many errors are told in words. */
const TOLD = 5;
/** Readers ask this often (milliseconds). */
const READ_EVERY = 100;
/** Pause before a broken connection is opened again (milliseconds). */
const REOPEN_AFTER = 100;

/** Writes numbered rows and reads them, at a steady rate over connections that stay open, as an application does. */
export class Load {
  readonly #settings: LoadSettings;
  readonly #ledger: LedgerWriter;
  readonly #report: LoadReport = { acknowledged: 0, waits: [], reads: 0, errors: 0, samples: [] };
  readonly #stop = new AbortController();
  readonly #start = performance.now();
  #next = 1;

  constructor(settings: LoadSettings, ledger: LedgerWriter) {
    this.#settings = settings;
    this.#ledger = ledger;
  }

  /** What it has seen up to now. */
  get report(): LoadReport {
    return this.#report;
  }

  /** Runs until `stop`; each writer ends with the row it is at. */
  async run(): Promise<LoadReport> {
    const { rate, writers, write, read } = this.#settings;
    const every = (1000 * writers) / rate;
    const writing = Array.from({ length: writers }, (_, index) =>
      this.#steadily(write, every, (every * index) / writers, (client, due) => this.#write(client, due)),
    );
    const reading = this.#steadily(read, READ_EVERY, 0, (client) => this.#read(client));
    await Promise.all([...writing, reading]);
    return this.#report;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Calls `request` at fixed moments: one that came late does not move those after it. */
  async #steadily(
    target: PostgresTarget,
    every: number,
    offset: number,
    request: (client: Client, due: number) => Promise<void>,
  ): Promise<void> {
    const { lifetimeMs = Number.POSITIVE_INFINITY } = this.#settings;
    let client: Client | null = null;
    // Not all at the same time.
    let old = this.#start + lifetimeMs * (0.5 + Math.random() / 2);
    for (let due = this.#start + offset; !this.#stop.signal.aborted; due += every) {
      await this.#until(due);
      if (this.#stop.signal.aborted) break;
      try {
        if (client && performance.now() > old) {
          const ended = client;
          client = null;
          await ended.end();
          old = performance.now() + lifetimeMs;
        }
        client ??= await openClient(target, { applicationName: "phasewise canary" });
        await request(client, due);
      } catch (error) {
        this.#failed(error);
        await client?.end().catch(() => {});
        client = null;
        await this.#until(performance.now() + REOPEN_AFTER);
      }
    }
    await client?.end().catch(() => {});
  }

  async #write(client: Client, due: number): Promise<void> {
    const number = this.#next++;
    await client.query({ name: "canary-write", text: INSERT, values: [this.#settings.run, number] });
    this.#ledger.add(number);
    this.#report.acknowledged++;
    this.#report.waits.push({ due: performance.timeOrigin + due, ms: performance.now() - due });
  }

  async #read(client: Client): Promise<void> {
    const query = { name: "canary-read", text: NEWEST, values: [this.#settings.run] };
    const { rows }: QueryResult<{ newest: string | null }> = await client.query(query);
    const newest = Number(rows[0]?.newest ?? 0);
    if (newest >= this.#next) throw new Error(`read the row ${newest}, which was not written yet`);
    this.#report.reads++;
  }

  #failed(error: unknown): void {
    this.#report.errors++;
    if (this.#report.samples.length >= TOLD) return;
    this.#report.samples.push(`after ${Math.round(performance.now() - this.#start)} ms: ${messageOf(error)}`);
  }

  #until(moment: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#stop.signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, Math.max(0, moment - performance.now()));
      this.#stop.signal.addEventListener("abort", end, { once: true });
    });
  }
}
