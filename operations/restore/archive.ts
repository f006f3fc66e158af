import { setTimeout as sleep } from "node:timers/promises";
import { quote } from "../../clients/ssh/quote.ts";
import { archiveOf } from "../../roles/archivePush.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { Cluster, Machine } from "../topology.ts";
import type { World } from "../verify/check.ts";

/** How long the segment that is written now may take into the bucket (milliseconds). */
const arrival = 60_000;

/** SQL by a machine's own superuser, in the database `postgres`; rows as psql prints them unaligned. */
export function sqlOn(world: Pick<World, "run">, machine: Machine, sql: string): Promise<string> {
  return world.run(machine, psql(sql)).then((text) => text.trim());
}

/** A shell command that runs SQL as the superuser `postgres`. */
export function psql(sql: string, database = "postgres"): string {
  return `runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d '${database}' -c ${quote(sql)}`;
}

/** Something that was committed, and that the archive must hold from then on. */
export interface Mark {
  /** The transaction's number. */
  xid: string;
  /** Where the log was right after it. */
  lsn: string;
  /** When it was acknowledged. */
  time: Date;
  /** From then until the bucket held it, in seconds. */
  archivedAfter: number;
}

/** Shell that prints the segments which the archive has although PostgreSQL waits for another repository to take them. */
function sentCommand({ backupStanza }: Cluster, repositories: number[]): string {
  const files = repositories.map(
    (number) => `${archiveOf(number === 2 ? 2 : 1).spool}/archive/${backupStanza}/out/*.ok`,
  );
  return `ls ${files.join(" ")} 2>/dev/null | sed 's|.*/||; s|[.]ok$||'`;
}

/**
 * Commits an empty transaction on the primary and waits until the archive holds it, so that everything before it can
 * be restored, and any moment before now can be a target although nobody writes.
 * @param repositories Of several, any of these is enough; left out: all of them must have it.
 * @throws Problem where the archive does not take it.
 */
export async function markArchive(
  world: Pick<World, "run">,
  leader: Machine,
  cluster: Cluster,
  repositories: number[] = [],
): Promise<Mark> {
  const [xid = "", lsn = ""] = (
    await sqlOn(world, leader, "SELECT pg_current_xact_id(), pg_current_wal_insert_lsn()")
  ).split("|");
  const time = new Date();
  const segment = await sqlOn(world, leader, "SELECT pg_walfile_name(pg_switch_wal())");
  const end = time.getTime() + arrival;
  for (;;) {
    const last = await sqlOn(
      world,
      leader,
      "SELECT coalesce(max(last_archived_wal), '') FROM pg_stat_archiver",
    );
    // A segment's name without its timeline: names of one timeline are in the order of the log.
    const sent = repositories.length === 0 ? "" : await world.run(leader, sentCommand(cluster, repositories));
    if (last.slice(0, 24) >= segment || sent.split("\n").includes(segment)) {
      return { xid, lsn, time, archivedAfter: (Date.now() - time.getTime()) / 1000 };
    }
    if (Date.now() > end) {
      throw new Problem({
        happened: `The archive of ${cluster.name} did not take ${segment} within ${arrival / 1000} s.`,
        left: "Nothing was changed.",
        todo: ["npx phasewise verify tells more; the object storage must be reachable and its keys valid."],
      });
    }
    await sleep(150);
  }
}
