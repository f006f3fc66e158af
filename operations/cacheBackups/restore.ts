import { z } from "zod";
import { visitorOf } from "../../clients/ssh/visitor.ts";
import { REDIS_RESTORE_REPORT, redisRestoreUnit } from "../../roles/redisBackup.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { type InRepositories, outOf } from "../copies/repositories.ts";
import { lockStack } from "../deploy/stackLock.ts";
import { Machines } from "../machines.ts";
import { type Cache, type Machine, readDeployed } from "../topology.ts";
import { stackStore } from "../workflow/stackStore.ts";
import { refuseOther } from "../workflow/underWay.ts";
import { type CacheBackup, cacheNamed, chooseCacheBackup, readCacheBackups } from "./list.ts";

export interface CacheRestoreReport {
  stack: string;
  cache: string;
  backup: InRepositories<CacheBackup>;
  /** From which it was read. */
  repository: number;
  /** How many keys it has now. */
  keys: number;
  /** Where the data of before is. */
  kept: { machine: string; path: string };
  seconds: number;
}

export interface CacheRestoreOptions {
  to: string;
  /** Which one is read; the first that has it if left out. */
  repository?: number | undefined;
  /** Asked before anything is changed. */
  confirm(backup: CacheBackup): Promise<boolean>;
}

const reportSchema = z.object({ keys: z.number(), kept: z.string() });

/**
 * Puts a backup in the place of a cache's data, which is kept aside. The backup is fetched, decrypted and checked while
 * Redis runs; it is away only for its restart, and goes on with its own data where it does not start from the backup.
 * @throws Problem (exit 2) where the cache has replicas, or there is no such backup.
 */
export async function restoreCache(
  stack: string,
  name: string,
  { confirm, repository: asked, to }: CacheRestoreOptions,
  ctx: OperationContext,
): Promise<CacheRestoreReport> {
  await using _lock = await lockStack(stack, "restore");
  const { topology } = await readDeployed(stack, ctx);
  const cache = cacheNamed(topology, name);
  refuseReplicas(cache, stack);
  const backups = await readCacheBackups(topology, name, { repository: asked, tell: ctx.onLine });
  const backup = chooseCacheBackup(backups, to, stack);
  const repository = backup.repositories[0]!;
  await using machines = new Machines(topology, ctx);
  const store = stackStore(machines, ctx);
  refuseOther(stack, "", await store.read());
  if (!(await confirm(backup)))
    throw new Problem({ happened: "Not confirmed.", left: "Nothing was changed.", exitCode: 130 });
  await using _held = await store.lock(`restore ${stack} --cache ${name} (${visitorOf().from})`);
  refuseOther(stack, "", await store.read());
  const machine = machines.named(cache.machines[0]!);
  const start = Date.now();
  ctx.onLine(`${name}: ${backup.label}${outOf(topology, repository)} is being restored on ${machine.name}`);
  const { keys, kept } = await restoreOn(machines, machine, redisRestoreUnit(backup.label, repository));
  return {
    stack,
    cache: name,
    backup,
    repository,
    keys,
    kept: { machine: machine.name, path: kept },
    seconds: Math.round((Date.now() - start) / 100) / 10,
  };
}

/**
 * Sentinels would take the restart for a loss and lead clients to a replica with the data of now, to which the restored
 * one then came back as a replica.
 */
export function refuseReplicas(cache: Cache, stack: string): void {
  if (cache.sentinel === null && cache.machines.length === 1) return;
  throw new Problem({
    happened: `${cache.name} has replicas and Sentinels, who would undo a restore: it is restored where there is one Redis, in phases 1 and 2.`,
    left: "Nothing was touched.",
    todo: [
      `npx phasewise promote ${stack} --to 2, then this again, then promote to 3`,
      "Or read single keys out of the backup: docs/redis.md, Backups",
    ],
    exitCode: 2,
  });
}

async function restoreOn(machines: Machines, machine: Machine, unit: string) {
  try {
    await machines.run(machine, `rm -f ${REDIS_RESTORE_REPORT} && systemctl start ${unit}`);
    return reportSchema.parse(JSON.parse(await machines.run(machine, `cat ${REDIS_RESTORE_REPORT}`)));
  } catch (error) {
    const journal = await machines.run(machine, `journalctl -u ${unit} -n 8 --no-pager -o cat`);
    throw new Problem({
      happened: `The restore on ${machine.name} failed: ${messageOf(error)}`,
      details: journal.trim().split("\n"),
      left: "Redis goes on with its own data, unless its last lines say otherwise.",
      todo: ["Put right what it says, then run the same command again."],
      cause: error,
    });
  }
}
