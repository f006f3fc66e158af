import { z } from "zod";
import { backupInfoCommand, backupUnit } from "../../../roles/pgbackrest.ts";
import type { OperationContext } from "../../context.ts";
import type { Cluster } from "../../topology.ts";
import { markArchive, sqlOn } from "../archive.ts";
import type { Kept } from "../kept.ts";
import { repositoriesOf } from "../repositories.ts";
import { branchKey } from "../timelines.ts";
import type { Place, Replayed } from "./replay.ts";

/**
 * Sees that the archive takes what the restored primary writes, writes down that the database went another way from
 * here on, and begins a full backup, whose end is not waited for. A repository that knows another database under this
 * name (one that was made anew before the restore) is told of this one.
 */
export async function continueArchive(
  place: Place,
  done: { id: string; replayed: Replayed; warning: string | null; store: Kept },
  ctx: OperationContext,
): Promise<void> {
  const { cluster, machine, machines } = place;
  const anywhere = repositoriesOf(machines.topology).map(({ number }) => number);
  const known = await Promise.all(
    anywhere.map(async (number) =>
      systemsOf(await machines.run(machine, backupInfoCommand(cluster.backupStanza, number))),
    ),
  );
  const system = await sqlOn(machines, machine, "SELECT system_identifier FROM pg_control_system()");
  const upgrade = `runuser -u postgres -- pgbackrest --stanza=${cluster.backupStanza} stanza-upgrade`;
  if (knowsAnother(known, system)) await machines.run(machine, upgrade);
  const { archivedAfter } = await markArchive(machines, machine, cluster, anywhere);
  ctx.onLine(`  the archive took the first segment after ${archivedAfter.toFixed(1)} s`);
  const { before, forkLsn, left, lsn, time, timeline } = done.replayed;
  const at = new Date().toISOString();
  await done.store.put(branchKey(cluster.name, done.id), {
    at,
    left,
    from: before,
    lsn: forkLsn,
    begun: timeline,
    reached: { time, lsn },
    warning: done.warning,
  });
  await machines.run(machine, `systemctl start --no-block ${backupUnit("full")}`);
}

/** What a restore came to that has ended. */
export interface Ended extends Omit<Replayed, "stopped"> {
  /** Why the result may not be what was asked for; null where nothing speaks against it. */
  warning: string | null;
}

/** What a restore that has ended came to; null where it has not. */
export async function writtenDown(
  store: Pick<Kept, "get">,
  cluster: Cluster,
  id: string,
): Promise<Ended | null> {
  const found = await store.get(branchKey(cluster.name, id));
  if (found === null) return null;
  const { begun, from, left, lsn, reached, warning } = branchSchema.parse(found);
  return { ...reached, timeline: begun, before: from, left, forkLsn: lsn, warning };
}

const branchSchema = z.object({
  left: z.number(),
  from: z.number(),
  begun: z.number(),
  lsn: z.string(),
  reached: z.object({ time: z.string().nullable(), lsn: z.string().nullable() }),
  warning: z.string().nullable().default(null),
});

/**
 * Whether a repository has to be told of a database. One of several that says nothing does not answer, and holds nothing
 * up.
 * @param known By repository, as `systemsOf` has them.
 */
export function knowsAnother(known: string[][], system: string): boolean {
  const telling = known.filter((systems) => systems.length > 0);
  return telling.length === 0 || telling.some((systems) => systems.at(-1) !== system);
}

/**
 * The databases that a repository has known, the current one last. Their identifiers have more digits than a number
 * keeps.
 * @param json Of `pgbackrest info`.
 */
export function systemsOf(json: string): string[] {
  return [...json.matchAll(/"system-id":\s*(\d+)/g)].map(([, id]) => id!);
}
