import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { execa, type Options, type Result } from "execa";
import pRetry from "p-retry";

const root = resolve(import.meta.dirname, "../..");

/** The folder is named, not random, so that a run finds and removes what a killed one left behind. */
const stateOf = (name: string): string => join("/var/tmp/phasewise-e2e", name);

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
  /** Milliseconds. */
  elapsed: number;
}

/** A stack of its own, with its own embedded cloud, driven only by the commands that operators use. */
export class Stack {
  readonly directory: string;
  readonly env: Record<string, string>;

  constructor(name: string) {
    this.directory = stateOf(name);
    this.env = { PHASEWISE_DIR: this.directory, NO_COLOR: "1" };
  }

  /** Removes what a predecessor left, then makes an empty state folder. */
  async reset(): Promise<void> {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    await this.expectOk("cloud", "destroy", "--yes");
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
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

  /** One SQL statement through the clients' endpoint; rows as psql prints them unaligned. */
  async sql(statement: string): Promise<string> {
    return (
      await this.expectOk("psql", "dev", "--", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement)
    ).trim();
  }

  async cloudStatus(): Promise<{ running: boolean; pid: number }> {
    return this.json("cloud", "status");
  }

  /** A request to the embedded cloud, as any client of Hetzner's makes it. */
  async api<T>(method: string, path: string): Promise<T> {
    const exports = await this.expectOk("cloud", "env");
    const value = (name: string): string => {
      const match = new RegExp(`${name}=['"]?([^'"\\n]+)`).exec(exports);
      if (!match?.[1]) throw new Error(`cloud env printed no ${name}:\n${exports}`);
      return match[1];
    };
    const response = await fetch(`${value("HCLOUD_ENDPOINT")}${path}`, {
      method,
      headers: { authorization: `Bearer ${value("HCLOUD_TOKEN")}` },
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async servers(): Promise<{ id: number; name: string; status: string }[]> {
    return (await this.api<{ servers: { id: number; name: string; status: string }[] }>("GET", "/servers"))
      .servers;
  }

  /** Repeats until it does not throw, for a minute; then the last error counts. */
  async eventually(attempt: () => Promise<void>): Promise<void> {
    await pRetry(attempt, { retries: 30, minTimeout: 2000, factor: 1, maxRetryTime: 90_000 });
  }
}
