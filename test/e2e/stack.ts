import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { execa, type Options, type Result } from "execa";
import pRetry from "p-retry";
import { parse, stringify } from "yaml";
import { BucketClient } from "../../clients/s3/bucket.ts";
import { Documents } from "../../clients/s3/documents.ts";
import { readObjectStorageAccess } from "../../cloud/objects/server.ts";

const root = resolve(import.meta.dirname, "../..");

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
  /** Milliseconds. */
  elapsed: number;
}

export interface UpReport {
  stack: string;
  phase: number;
  changes: Record<"create" | "update" | "replace" | "delete" | "same", number>;
  seconds: number;
}

export interface VerifyReport {
  ok: boolean;
  checks: { name: string; ok: boolean; detail: string; fix?: string }[];
}

export interface ApiServer {
  id: number;
  name: string;
  status: string;
  public_net: { ipv4: { ip: string } | null };
}

async function request<T>(
  { endpoint, token }: { endpoint: string; token: string },
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${endpoint}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/**
 * A stack of its own, with its own embedded cloud, driven only by the commands that operators use. Its names are
 * fixed, not random, so that a run finds and removes what a killed one left behind.
 */
export class Stack {
  readonly name: string;
  readonly directory: string;
  readonly file: string;
  readonly env: Record<string, string>;

  constructor(name: string) {
    this.name = `test-${name}`;
    this.directory = join("/var/tmp/phasewise-test", name);
    this.file = join(root, "stacks", `Pulumi.${this.name}.yaml`);
    this.env = { PHASEWISE_DIR: this.directory, NO_COLOR: "1" };
  }

  /** Removes what a predecessor left, and begins with the settings of `dev`. */
  async reset(): Promise<void> {
    await this.remove();
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    this.configure({});
  }

  async remove(): Promise<void> {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    await this.expectOk("cloud", "destroy", "--yes");
    rmSync(this.directory, { recursive: true, force: true });
    rmSync(this.file, { force: true });
  }

  /** Writes the stack's file: the settings of `dev` with these on top; undefined takes one away. */
  configure(settings: Record<string, unknown>): void {
    const dev = parse(readFileSync(join(root, "stacks/Pulumi.dev.yaml"), "utf8")) as {
      config: Record<string, unknown>;
    };
    writeFileSync(this.file, stringify({ config: { ...dev.config, ...settings } }));
  }

  /** Starts a command and leaves it running. */
  start(args: string[], options: Options = {}) {
    return execa(process.execPath, [join(root, "bin/phasewise.mjs"), ...args], {
      cwd: root,
      env: this.env,
      reject: false,
      stdin: "ignore",
      timeout: 600_000,
      ...options,
    });
  }

  async run(...args: string[]): Promise<Outcome> {
    const started = performance.now();
    const result = (await this.start(args)) as Result;
    return {
      code: result.exitCode ?? 128,
      stdout: String(result.stdout),
      stderr: String(result.stderr),
      elapsed: performance.now() - started,
    };
  }

  /** Runs a command that has to succeed, and returns what it printed on stdout. */
  async expectOk(...args: string[]): Promise<string> {
    const outcome = await this.run(...args);
    if (outcome.code !== 0) {
      throw new Error(
        `phasewise ${args.join(" ")}: exit ${outcome.code}\n${outcome.stdout}\n${outcome.stderr}`,
      );
    }
    return outcome.stdout;
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.expectOk(...args, "--json")) as T;
  }

  async up(): Promise<UpReport> {
    return this.json("up", this.name, "--yes", "--no-verify");
  }

  /**
   * Returns when there is a backup: the first one begins with the cluster, and `up` does not wait for it. One that failed
   * is made up for after two minutes.
   */
  async backedUp(): Promise<void> {
    await this.eventually(async () => {
      const { clusters } = await this.json<{ clusters: { cluster: string; backups: unknown[] }[] }>(
        "backups",
        this.name,
      );
      const without = clusters.filter(({ backups }) => backups.length === 0);
      if (without.length > 0)
        throw new Error(`${without.map(({ cluster }) => cluster).join(", ")}: no backup`);
    }, 300);
  }

  async verify(): Promise<VerifyReport> {
    const outcome = await this.run("verify", this.name, "--json");
    const report = JSON.parse(outcome.stdout) as VerifyReport;
    if (!(report.checks?.length >= 8)) throw new Error(`verify checked too little: ${outcome.stdout}`);
    return report;
  }

  /** The checks of `verify` that failed. */
  async faults(): Promise<string[]> {
    return (await this.verify()).checks
      .filter((check) => !check.ok)
      .map((check) => `${check.name}: ${check.detail}`);
  }

  /** One SQL statement through the clients' endpoint; rows as psql prints them unaligned. */
  async sql(statement: string): Promise<string> {
    const options = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement];
    return (await this.expectOk("psql", this.name, "--", ...options)).trim();
  }

  async cloudStatus(): Promise<{ running: boolean; pid: number }> {
    return this.json("cloud", "status");
  }

  /** Where other clients reach the embedded cloud, as `cloud env` prints it. */
  async cloudEnv(): Promise<{ endpoint: string; token: string }> {
    const exports = await this.expectOk("cloud", "env");
    const value = (name: string): string => {
      const match = new RegExp(`${name}=['"]?([^'"\n]+)`).exec(exports);
      if (!match?.[1]) throw new Error(`cloud env printed no ${name}`);
      return match[1];
    };
    return { endpoint: value("HCLOUD_ENDPOINT"), token: value("HCLOUD_TOKEN") };
  }

  /** A request to the embedded cloud, as any client of Hetzner's makes it. */
  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    return request(await this.cloudEnv(), method, path, body);
  }

  /** POST requests in one moment: each by itself would begin with a command that takes as long as it takes. */
  async postTogether(paths: string[]): Promise<void> {
    const cloud = await this.cloudEnv();
    await Promise.all(paths.map((path) => request(cloud, "POST", path)));
  }

  /** What the log's archive of a bucket holds: the keys of its objects. */
  async archived(bucket: string): Promise<string[]> {
    using store = await this.documents(bucket);
    return await store.keys("postgresql/archive/main/");
  }

  /** What lies in a bucket, by its names. To be closed. */
  async documents(bucket: string): Promise<Documents> {
    return new Documents(await this.#storage(), bucket);
  }

  /** A bucket of the embedded object storage, as its owner has it. To be closed. */
  async bucket(name: string): Promise<BucketClient> {
    return new BucketClient(await this.#storage(), name);
  }

  async #storage() {
    const access = (await readObjectStorageAccess(join(this.directory, "cloud/objects")))!;
    const { objectStorage: endpoint } = await this.json<{ objectStorage: string }>("cloud", "status");
    return { ...access, endpoint, region: "fsn1" };
  }

  async servers(): Promise<ApiServer[]> {
    return (await this.api<{ servers: ApiServer[] }>("GET", "/servers")).servers;
  }

  /** Repeats until it does not throw, for 90 seconds if nothing else is said; then the last error counts. */
  async eventually(attempt: () => Promise<void>, seconds = 90): Promise<void> {
    await pRetry(attempt, { retries: seconds, minTimeout: 1500, factor: 1, maxRetryTime: seconds * 1000 });
  }
}
