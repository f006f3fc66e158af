import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { type PostgresSession, type PostgresTarget, withPostgres } from "../../clients/postgres.ts";
import type { Topology } from "../../infra/topology.ts";
import { readLedger, removeLedger, type Segment } from "./ledger.ts";
import type { LoadReport } from "./load.ts";
import { missingOf, stallsOf } from "./stalls.ts";
import { numbersOf, prepareTable, removeRun } from "./table.ts";

/** What clients saw while an operation was at work. */
export interface CanaryReport {
  /** Rows whose commit was acknowledged. */
  acknowledged: number;
  /** Those of them that are not there. */
  missing: number;
  errors: number;
  /** From the moment at which a row was due to its acknowledgement. */
  worstStallMs: number;
  p99StallMs: number;
  /** The longest stretches in which clients were held, the worst first. */
  stalls: { at: Date; ms: number }[];
  reads: number;
  /** The first few errors and missing rows in words. */
  samples: string[];
}

export interface CanaryOptions {
  /** Name of the run; several processes, one after the other, may write under it. */
  run: string;
  /** A folder for what was acknowledged. */
  folder: string;
  /** Rows a second. */
  rate?: number;
  writers?: number;
  /** Milliseconds that a connection lives, as a pool's; for ever if left out. */
  lifetimeMs?: number;
}

const RATE = 50;
const WRITERS = 4;

/** Writes and reads as the application, through the clients' endpoint, until it is finished. */
export class Canary {
  readonly #topology: Topology;
  readonly #options: CanaryOptions;
  readonly #worker: Worker;
  readonly #died: Promise<never>;

  private constructor(topology: Topology, options: CanaryOptions, worker: Worker) {
    this.#topology = topology;
    this.#options = options;
    this.#worker = worker;
    this.#died = death(worker);
    // A load that died is told by whatever asks it next.
    this.#died.catch(() => {});
  }

  static async start(topology: Topology, options: CanaryOptions): Promise<Canary> {
    const { application, readonly } = topology.clusters[0]!.roles;
    await asOwner(topology, (owner) =>
      prepareTable(owner, { application: application.name, readonly: readonly.name }),
    );
    const segment = `${Date.now()}-${process.pid}`;
    const { lifetimeMs, rate = RATE, writers = WRITERS } = options;
    const settings = {
      write: target(topology, "write", "application"),
      read: target(topology, "read", "readonly"),
      run: runName(options.run, segment),
      rate,
      writers,
      lifetimeMs,
    };
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: { settings, folder: options.folder, segment },
    });
    // A command that ends early takes its canary with it.
    worker.unref();
    return new Canary(topology, options, worker);
  }

  /** What clients saw up to now; the load goes on. */
  check(): Promise<CanaryReport> {
    return this.#judge("report");
  }

  /** Ends the load and looks for every row that was acknowledged under this run, by whichever process. */
  finish(): Promise<CanaryReport> {
    return this.#judge("stop");
  }

  async #judge(ask: "report" | "stop"): Promise<CanaryReport> {
    const answer = once(this.#worker, "message");
    this.#worker.postMessage(ask);
    const [load] = (await Promise.race([answer, this.#died])) as [LoadReport];
    const segments = await readLedger(this.#options.folder);
    const missing = await missingRows(this.#topology, this.#options.run, segments);
    const stalls = stallsOf(load.waits);
    return {
      acknowledged: segments.reduce((sum, segment) => sum + segment.acknowledged.length, 0),
      missing: missing.length,
      errors: load.errors,
      worstStallMs: stalls.worstMs,
      p99StallMs: stalls.p99Ms,
      stalls: stalls.longest,
      reads: load.reads,
      samples: [...load.samples, ...missing.slice(0, 5).map((row) => `missing: ${row}`)],
    };
  }

  /** Ends the load at once, as where the stack is gone; what was acknowledged stays in its folder. */
  async abandon(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Removes what the run left, once its report is kept. */
  async clear(): Promise<void> {
    const { folder, run } = this.#options;
    const segments = await readLedger(folder);
    await asOwner(this.#topology, async (owner) => {
      for (const { name } of segments) await removeRun(owner, runName(run, name));
    });
    await removeLedger(folder);
  }
}

async function death(worker: Worker): Promise<never> {
  const [code] = await once(worker, "exit");
  throw new Error(`the canary ended by itself (code ${code})`);
}

/** Acknowledged rows that are not there, each by its run and number. */
export async function missingRows(topology: Topology, run: string, segments: Segment[]): Promise<string[]> {
  return asOwner(topology, async (owner) => {
    const lists: string[][] = [];
    for (const { name, acknowledged } of segments) {
      const missing = missingOf(acknowledged, await numbersOf(owner, runName(run, name)));
      lists.push(missing.map((number) => `${runName(run, name)} ${number}`));
    }
    return lists.flat();
  });
}

export function asOwner<T>(topology: Topology, use: (owner: PostgresSession) => Promise<T>): Promise<T> {
  return withPostgres(target(topology, "write", "owner"), use);
}

/** Where clients connect, as one of the roles. */
export function target(
  topology: Topology,
  endpoint: "write" | "read",
  role: "owner" | "application" | "readonly",
): PostgresTarget {
  const cluster = topology.clusters[0]!;
  const { name: user, password } = cluster.roles[role];
  const { host, port } = topology.endpoints[endpoint];
  const database = topology.endpoints.database;
  return { host, port, database, user, password, caCertificate: topology.caCertificate };
}

export function runName(run: string, segment: string): string {
  return `${run}/${segment}`;
}
