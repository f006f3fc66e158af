import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa, type ResultPromise } from "execa";
import type { Stack } from "../e2e/stack.ts";
import { parseTransactions, type Transaction } from "./transactions.ts";

/** 100,000 accounts each: enough that clients do not wait for each other's rows. */
const SCALE = 10;
/** It is ended by a signal; this is for when nobody does (seconds). */
const LONGEST = 900;

export interface PgbenchReport {
  transactions: Transaction[];
  /** What its clients were told that is no answer. */
  errors: string[];
  /** Acknowledged transactions whose row is not there. */
  missing: number;
}

/** PostgreSQL's own load generator (TPC-B-like) as the application, through the clients' endpoint, by TLS. */
export class Pgbench {
  readonly #stack: Stack;
  readonly #folder: string;
  readonly #process: ResultPromise<{ reject: false }>;

  private constructor(stack: Stack, folder: string, process: ResultPromise<{ reject: false }>) {
    this.#stack = stack;
    this.#folder = folder;
    this.#process = process;
  }

  /** Makes its tables, for the application to use; once for a stack. */
  static async prepare(stack: Stack): Promise<void> {
    const owner = (await stack.expectOk("url", stack.name, "--show-secrets", "--role", "owner")).trim();
    await execa("pgbench", ["--initialize", "--quiet", `--scale=${SCALE}`, owner]);
    await stack.sql(
      "GRANT SELECT, INSERT, UPDATE ON pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history TO app",
    );
  }

  static async start(stack: Stack, clients: number): Promise<Pgbench> {
    await stack.sql("TRUNCATE pgbench_history");
    const url = (await stack.expectOk("url", stack.name, "--show-secrets")).trim();
    const folder = mkdtempSync(join(tmpdir(), "phasewise-pgbench-"));
    const running = execa(
      "pgbench",
      [
        ...["--no-vacuum", `--client=${clients}`, "--jobs=2", `--time=${LONGEST}`, "--protocol=prepared"],
        ...["--log", `--log-prefix=${join(folder, "log")}`, url],
      ],
      { reject: false },
    );
    return new Pgbench(stack, folder, running);
  }

  /** As its own alarm would: every client ends with the transaction that it is in. */
  async stop(): Promise<PgbenchReport> {
    this.#process.kill("SIGALRM");
    const { exitCode, stderr } = await this.#process;
    const files = readdirSync(this.#folder).map((name) => readFileSync(join(this.#folder, name), "utf8"));
    rmSync(this.#folder, { recursive: true });
    const transactions = files.flatMap(parseTransactions);
    const said = stderr.split("\n").filter((line) => /error|aborted/i.test(line));
    const errors =
      exitCode === 0 || said.length > 0 ? said : [`pgbench ended with code ${exitCode}: ${stderr}`];
    const there = Number(await this.#stack.sql("SELECT count(*) FROM pgbench_history"));
    return { transactions, errors, missing: Math.max(0, transactions.length - there) };
  }
}
