import { REDIS_BACKUP_UNIT } from "../../roles/redisBackup.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { Machines } from "../machines.ts";
import { cacheMembers } from "../membership/cache.ts";
import { openRepository } from "../restore/store.ts";
import { readDeployed } from "../topology.ts";
import { type CacheBackup, cacheNamed, readCacheBackups } from "./list.ts";

export interface CacheBackupReport extends CacheBackup {
  cache: string;
  seconds: number;
}

/** Makes a backup of a cache now, by a replica that follows where there is one, and waits for it. */
export async function backupCacheNow(
  stack: string,
  name: string,
  ctx: OperationContext,
): Promise<CacheBackupReport> {
  const { topology } = await readDeployed(stack, ctx);
  const cache = cacheNamed(topology, name);
  await using machines = new Machines(topology, ctx);
  using store = openRepository(topology.buckets[0]!);
  const members = await cacheMembers(machines, cache);
  const maker = members.find((one) => one.synced) ?? members.find((one) => one.primary);
  if (!maker) {
    throw new Problem({
      happened: `No Redis of ${name} answers.`,
      left: "Earlier backups are as they were.",
      todo: [`npx phasewise verify ${stack} says why`],
    });
  }
  const before = await readCacheBackups(store, name);
  const start = Date.now();
  ctx.onLine(`${name}: a backup is being made on ${maker.name}`);
  const machine = machines.named(maker.name);
  try {
    await machines.run(machine, `systemctl start ${REDIS_BACKUP_UNIT}`);
  } catch (error) {
    const journal = `journalctl -u ${REDIS_BACKUP_UNIT} -n 8 --no-pager -o cat`;
    throw new Problem({
      happened: `The backup of ${name} on ${maker.name} failed: ${messageOf(error)}`,
      details: (await machines.run(machine, journal)).trim().split("\n"),
      left: "Earlier backups are as they were.",
      todo: ["Put right what it says, then make it again."],
      cause: error,
    });
  }
  const last = before.at(-1)?.label ?? "";
  const made = (await readCacheBackups(store, name)).findLast(({ label }) => label > last);
  if (!made) {
    throw new Problem({
      happened: `${name}: another backup or a restore is under way on ${maker.name}.`,
      left: "That one goes on; this one was not begun.",
      todo: [`Wait for it: npx phasewise backups ${stack} lists it when it is done.`],
    });
  }
  return { cache: name, ...made, seconds: Math.round((Date.now() - start) / 100) / 10 };
}
