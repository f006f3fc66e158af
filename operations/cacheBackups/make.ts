import { REDIS_BACKUP_UNIT } from "../../roles/redisBackup.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import type { InRepositories } from "../copies/repositories.ts";
import { Machines } from "../machines.ts";
import { cacheMembers } from "../membership/cache.ts";
import { readDeployed } from "../topology.ts";
import { type CacheBackup, cacheNamed, readCacheBackups } from "./list.ts";

export interface CacheBackupReport extends InRepositories<CacheBackup> {
  cache: string;
  seconds: number;
}

/**
 * Makes a backup of a cache now, by a replica that follows where there is one, and waits for it.
 * @throws Problem where it fails, also where one of the repositories has not got it.
 */
export async function backupCacheNow(
  stack: string,
  name: string,
  ctx: OperationContext,
): Promise<CacheBackupReport> {
  const { topology } = await readDeployed(stack, ctx);
  const cache = cacheNamed(topology, name);
  await using machines = new Machines(topology, ctx);
  const members = await cacheMembers(machines, cache);
  const maker = members.find((one) => one.synced) ?? members.find((one) => one.primary);
  if (!maker) {
    throw new Problem({
      happened: `No Redis of ${name} answers.`,
      left: "Earlier backups are as they were.",
      todo: [`npx phasewise verify ${stack} says why`],
    });
  }
  // Each repository that does not answer is told by the program itself.
  const there = () => readCacheBackups(topology, name, { tell: () => undefined });
  const before = await there();
  const start = Date.now();
  ctx.onLine(`${name}: a backup is being made on ${maker.name}`);
  const machine = machines.named(maker.name);
  try {
    await machines.run(machine, `systemctl start ${REDIS_BACKUP_UNIT}`);
  } catch (error) {
    const journal = `journalctl -u ${REDIS_BACKUP_UNIT} -n 12 --no-pager -o cat`;
    throw new Problem({
      happened: `The backup of ${name} on ${maker.name} failed: ${messageOf(error)}`,
      details: (await machines.run(machine, journal)).trim().split("\n"),
      left: "Earlier backups are as they were, and a repository that took the new one has it.",
      todo: ["Put right what it says, then make it again."],
      cause: error,
    });
  }
  const last = before.at(-1)?.label ?? "";
  const made = (await there()).findLast(({ label }) => label > last);
  if (!made) {
    throw new Problem({
      happened: `${name}: another backup or a restore is under way on ${maker.name}.`,
      left: "That one goes on; this one was not begun.",
      todo: [`Wait for it: npx phasewise backups ${stack} lists it when it is done.`],
    });
  }
  return { cache: name, ...made, seconds: Math.round((Date.now() - start) / 100) / 10 };
}
