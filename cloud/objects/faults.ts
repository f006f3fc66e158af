import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Account } from "./accounts.ts";
import { invalidAccessKey, noSuchBucket, S3Error } from "./protocol/errors.ts";

const schema = z.strictObject({
  /** Milliseconds before each answer. */
  latencyMs: z.number().min(0).max(600_000).default(0),
  /** Share of the requests, 0 to 1, that are answered with 500 or 503. */
  errorRate: z.number().min(0).max(1).default(0),
  /** Names of accounts whose keys are refused. */
  revoked: z.array(z.string()).default([]),
  /** Names of buckets that are not there. */
  gone: z.array(z.string()).default([]),
  /** Part of a key: other requests are answered as ever. */
  only: z.string().default(""),
});

/** What is wrong with the object storage on purpose. */
export type Faults = z.infer<typeof schema>;

const none: Faults = schema.parse({});

/** Bad days of the object storage: a file `faults.json` in its folder, looked at with each request. */
export class FaultInjection {
  readonly #path: string;
  readonly #random: () => number;
  #seen = { stamp: "", faults: none };

  /** @param random From 0 to 1, for tests. */
  constructor(directory: string, random: () => number = Math.random) {
    this.#path = join(directory, "faults.json");
    this.#random = random;
  }

  /** @throws Error where the file is there and says something else: a bad day that does not come shows nothing. */
  current(): Faults {
    const info = statSync(this.#path, { throwIfNoEntry: false });
    const stamp = info === undefined ? "" : `${info.ino} ${info.mtimeMs} ${info.size}`;
    if (stamp !== this.#seen.stamp) {
      const faults = info === undefined ? none : schema.parse(JSON.parse(readFileSync(this.#path, "utf8")));
      this.#seen = { stamp, faults };
    }
    return this.#seen.faults;
  }

  /** @throws S3Error what the request is refused with. */
  async meet(request: { bucket: string; key: string }, account: Account): Promise<void> {
    const faults = this.current();
    if (!`${request.bucket}/${request.key}`.includes(faults.only)) return;
    if (faults.latencyMs > 0) await sleep(faults.latencyMs);
    if (faults.revoked.includes(account.name)) throw invalidAccessKey(account.accessKey);
    if (faults.gone.includes(request.bucket)) throw noSuchBucket(request.bucket);
    const chance = this.#random();
    if (chance >= faults.errorRate) return;
    throw chance < faults.errorRate / 2
      ? new S3Error("InternalError", "We encountered an internal error. Please try again.")
      : new S3Error("ServiceUnavailable", "Please reduce your request rate.");
  }
}
