import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { type InRepositories, outOf } from "../copies/repositories.ts";
import { Machines } from "../machines.ts";
import { leaderOf } from "../membership/postgres.ts";
import { parseCopy } from "../restore/copy/request.ts";
import { readDeployed } from "../topology.ts";
import { chooseDump, type Dump, readDumps } from "./list.ts";
import { clusterWithDumps, runDumpProgram } from "./program.ts";

export interface DumpRestoreReport {
  stack: string;
  cluster: string;
  dump: InRepositories<Dump>;
  /** From which it was read. */
  repository: number;
  /** The new database. */
  database: string;
  seconds: number;
}

export interface DumpRestoreOptions {
  database: string;
  /** As `chooseDump` wants it. */
  to: string;
  /** Of the new database; the dump's own if left out. */
  as?: string | undefined;
  /** Which one is read; the first that has it if left out. */
  repository?: number | undefined;
}

/**
 * Makes a new database out of a dump, on the primary. Nothing that is there is touched, and the new database is there
 * whole or not at all.
 * @throws Problem (exit 2) where there is no such dump, or the new name is none.
 */
export async function restoreDump(
  stack: string,
  { as, database, repository: asked, to }: DumpRestoreOptions,
  ctx: OperationContext,
): Promise<DumpRestoreReport> {
  const { topology } = await readDeployed(stack, ctx);
  const cluster = clusterWithDumps(topology);
  // The same rules as for a database out of a backup.
  const request = parseCopy({ database, as }, cluster.databases);
  if (request?.kind !== "database") throw new Error("a dump is of a database");
  const dumps = await readDumps(topology, cluster.name, { repository: asked, tell: ctx.onLine });
  const dump = chooseDump(dumps, database, to, stack);
  const repository = dump.repositories[0]!;
  await using machines = new Machines(topology, ctx);
  const leader = await leaderOf(machines, cluster);
  if (leader === null) {
    throw new Problem({
      happened: `Nobody leads ${cluster.name}.`,
      left: "Nothing was touched.",
      todo: [`npx phasewise verify ${stack} says why`],
    });
  }
  const start = Date.now();
  ctx.onLine(
    `${database} of ${dump.madeAt}${outOf(topology, repository)} becomes ${request.to} on ${leader.name}`,
  );
  await runDumpProgram(machines, leader, ["restore", String(repository), database, dump.name, request.to]);
  const seconds = Math.round((Date.now() - start) / 100) / 10;
  return { stack, cluster: cluster.name, dump, repository, database: request.to, seconds };
}
