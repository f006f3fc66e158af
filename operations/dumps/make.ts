import { BACKUP_PROGRAM } from "../../roles/backupUnits.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import type { InRepositories } from "../copies/repositories.ts";
import { Machines } from "../machines.ts";
import { readDeployed } from "../topology.ts";
import { firstOf } from "../verify/patroni.ts";
import { type Dump, readDumps } from "./list.ts";
import { clusterWithDumps, runDumpProgram } from "./program.ts";

export interface DumpReport {
  stack: string;
  cluster: string;
  /** On which it was made. */
  machine: string;
  dumps: InRepositories<Dump>[];
  seconds: number;
}

/**
 * Makes dumps now, by the member that makes backups (a standby where there is one), and waits for them.
 * @throws Problem where they fail, also where one of the repositories has not got them.
 * @param database This one alone; undefined: all that the stack dumps each day.
 */
export async function dumpNow(
  stack: string,
  database: string | undefined,
  ctx: OperationContext,
): Promise<DumpReport> {
  const { topology } = await readDeployed(stack, ctx);
  const cluster = clusterWithDumps(topology);
  await using machines = new Machines(topology, ctx);
  const members = cluster.members.map((name) => machines.named(name));
  const maker = (await firstOf(members, (one) => machines.run(one, `${BACKUP_PROGRAM} where`))).trim();
  if (maker === "") {
    throw new Problem({
      happened: `Nobody leads ${cluster.name}.`,
      left: "Earlier dumps are as they were.",
      todo: [`npx phasewise verify ${stack} says why`],
    });
  }
  // Each that does not answer is told by the program itself.
  const there = () => readDumps(topology, cluster.name, { tell: () => undefined });
  const before = new Set((await there()).map(({ database: of, name }) => `${of}/${name}`));
  const start = Date.now();
  ctx.onLine(`${cluster.name}: dumps are being made on ${maker}`);
  await runDumpProgram(machines, machines.named(maker), [
    "make",
    ...(database === undefined ? [] : [database]),
  ]);
  const dumps = (await there()).filter(({ database: of, name }) => !before.has(`${of}/${name}`));
  const seconds = Math.round((Date.now() - start) / 100) / 10;
  return { stack, cluster: cluster.name, machine: maker, dumps, seconds };
}
