import { setTimeout as sleep } from "node:timers/promises";
import { makeTable, missingOf } from "./failover.ts";
import type { Stack } from "./stack.ts";
import { type Acknowledgement, Writer } from "./writer.ts";

/** Rows written on every way that clients have at the same time, and what may be said of all of them together. */

/** A stretch of time in which one server acknowledged, and no other. */
export interface Reign {
  server: string;
  /** `performance.now()`. */
  from: number;
  to: number;
  rows: number;
}

export interface Observed {
  acknowledged: number;
  /** Acknowledged rows that are not there. */
  missing: number;
  /** Who acknowledged, one after the other: two primaries at once would take turns. */
  reigns: Reign[];
  /** On the way that was worst off, the longest time without an acknowledgement (milliseconds). */
  longestGapMs: number;
  /** On each way, from the strike to the next row that was begun after it and acknowledged (milliseconds). */
  recoveredMs: (number | null)[];
  errors: number;
  reasons: Record<string, number>;
}

/** Pure. */
export function reignsOf(acknowledgements: Acknowledgement[]): Reign[] {
  const reigns: Reign[] = [];
  for (const { at, server } of [...acknowledgements].sort((a, b) => a.at - b.at)) {
    const current = reigns.at(-1);
    if (current?.server === server) {
      current.to = at;
      current.rows++;
    } else reigns.push({ server, from: at, to: at, rows: 1 });
  }
  return reigns;
}

/** The ways to the primary: the endpoint twice, and where there are two gateways each of them by itself. */
export async function waysOf(stack: Stack): Promise<(string | undefined)[]> {
  const gateways = (await stack.servers())
    .filter(({ name }) => /-core-\d+$/.test(name))
    .map((gateway) => gateway.public_net.ipv4!.ip);
  return gateways.length > 1 ? [undefined, ...gateways] : [undefined, undefined];
}

/** Numbers that a way may use; more than any writer writes in a test. */
const most = 100_000;

export class Writers {
  readonly #stack: Stack;
  readonly #url: string;
  readonly #writers: Writer[] = [];

  private constructor(stack: Stack, url: string) {
    this.#stack = stack;
    this.#url = url;
  }

  /** Begins one writer a way, into an empty table; returns when each has a row acknowledged. */
  static async start(stack: Stack, ways?: (string | undefined)[]): Promise<Writers> {
    await makeTable(stack);
    const writers = new Writers(stack, (await stack.expectOk("url", stack.name, "--show-secrets")).trim());
    await Promise.all((ways ?? (await waysOf(stack))).map((host) => writers.add(host).start()));
    await sleep(1000);
    return writers;
  }

  /** One more writer, which has not begun yet. */
  add(host?: string, pauseMs = 10): Writer {
    const first = this.#writers.length * most + 1;
    const writer = new Writer(this.#url, { ...(host === undefined ? {} : { host }), first, pauseMs });
    this.#writers.push(writer);
    return writer;
  }

  strike(): void {
    for (const writer of this.#writers) writer.strike();
  }

  /** Returns when every way acknowledges rows that were begun after the strike, or the time is over. */
  async recovered(withinMs = 90_000): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    while (performance.now() < deadline) {
      if (this.#writers.every((writer) => writer.recovered)) return true;
      await sleep(50);
    }
    return false;
  }

  /** Who acknowledged last on any way. */
  get last(): Acknowledgement | undefined {
    const lasts = this.#writers.flatMap((writer) => writer.last ?? []);
    return lasts.sort((a, b) => b.at - a.at)[0];
  }

  /** Nobody writes any more, also where a test has failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
  }

  async stop(): Promise<Observed> {
    const all = await Promise.all(this.#writers.map((writer) => writer.stop()));
    const acknowledgements = all.flatMap((written) => written.acknowledgements);
    const reasons: Record<string, number> = {};
    for (const written of all) {
      for (const [reason, times] of Object.entries(written.reasons)) {
        reasons[reason] = (reasons[reason] ?? 0) + times;
      }
    }
    const numbers = acknowledgements.map(({ number }) => number);
    return {
      acknowledged: numbers.length,
      missing: (await missingOf(this.#stack, numbers)).length,
      reigns: reignsOf(acknowledgements),
      longestGapMs: Math.max(...all.map(({ longestGapMs }) => longestGapMs)),
      recoveredMs: all.map(({ recoveredMs }) => recoveredMs),
      errors: all.reduce((sum, { errors }) => sum + errors, 0),
      reasons,
    };
  }
}

/** Tells what happened in the run's log. */
export function tell(what: string, observed: Observed): void {
  const { acknowledged, errors, longestGapMs, missing, reigns } = observed;
  const times = reigns.map(({ rows, server }) => `${server}: ${rows}`).join(", ");
  process.stderr.write(
    `${what}: longest gap ${(longestGapMs / 1000).toFixed(1)} s, ${acknowledged} rows (${times}), ${missing} missing, ${errors} errors\n`,
  );
  for (const [reason, count] of Object.entries(observed.reasons)) {
    process.stderr.write(`    ${count} x ${reason}\n`);
  }
}
