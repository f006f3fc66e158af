import { setTimeout as sleep } from "node:timers/promises";
import { archiveOf } from "../../../roles/archivePush.ts";
import type { Cluster } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";
import { leaderOf } from "../patroni.ts";
import { withRunbook } from "../runbook.ts";

/** pg_stat_archiver, and how far the log has come. */
export interface Archiver {
  archived: number;
  lastArchived: Date | null;
  lastFailed: Date | null;
  failedFile: string | null;
}

/** A success that is this old (milliseconds) says nothing of now: a segment is sent on purpose. */
const fresh = 10 * 60_000;
/** How long one segment may take to arrive (milliseconds). */
const arrival = 15_000;

export const archiving: Check = {
  name: "wal-archiving",
  run: async (world) =>
    combine(await Promise.all(world.topology.clusters.map((cluster) => inspect(world, cluster)))),
};

export async function inspect(world: World, cluster: Cluster): Promise<Finding> {
  let archiver = await read(world, cluster);
  if (needsProof(archiver, world.now)) {
    await switchSegment(world, cluster);
    const deadline = Date.now() + arrival;
    const before = archiver.archived;
    while (archiver.archived <= before && Date.now() < deadline) {
      await sleep(150);
      archiver = await read(world, cluster);
    }
  }
  // The same moment as before: a success that was fresh enough then must not have aged meanwhile.
  const finding = judge(cluster.name, archiver, world.now, world.topology.stack);
  if (finding.ok || world.topology.buckets.length === 1) return finding;
  const refusing = await world.run(await leaderOf(world, cluster), WHICH_REFUSE);
  return { ...finding, detail: finding.detail + whichRefuse(refusing) };
}

/** Of several repositories, the numbers of those that refused the log at the last try: a line each. */
const WHICH_REFUSE = [1 as const, 2 as const]
  .map((number) => `if [ -e ${archiveOf(number).spool}/failing ]; then echo ${number}; fi`)
  .join("; ");

/** @param refusing What WHICH_REFUSE printed. */
export function whichRefuse(refusing: string): string {
  const numbers = refusing.split("\n").filter(Boolean);
  if (numbers.length === 0) return "";
  return numbers.length === 1
    ? `; repository ${numbers[0]} refuses it, the other one takes all log`
    : "; both repositories refuse it";
}

async function read(world: World, cluster: Cluster): Promise<Archiver> {
  return world.sql(cluster, "monitor", async ({ rows }) => {
    const [row] = await rows<Omit<Archiver, "archived"> & { archived: string }>(
      `SELECT archived_count AS archived, last_archived_time AS "lastArchived",
       last_failed_time AS "lastFailed", last_failed_wal AS "failedFile" FROM pg_stat_archiver`,
    );
    return { ...row!, archived: Number(row!.archived) };
  });
}

export function needsProof({ lastArchived }: Archiver, now: Date): boolean {
  return lastArchived === null || now.getTime() - lastArchived.getTime() > fresh;
}

/** The message makes sure that there is something to be sent: a switch of an empty segment does nothing. */
async function switchSegment(world: World, cluster: Cluster): Promise<void> {
  const leader = await leaderOf(world, cluster);
  const sql = "SELECT pg_logical_emit_message(false, 'phasewise', 'verify'), pg_switch_wal()";
  await world.run(leader, `runuser -u postgres -- psql -XAtq -d postgres -c "${sql}"`);
}

export function judge(cluster: string, archiver: Archiver, now: Date, stack: string): Finding {
  const fix = withRunbook(
    `npx phasewise logs ${stack} --unit patroni tells why; the storage must be reachable and its keys valid`,
    "archive-stuck",
  );
  const { lastArchived, lastFailed, failedFile } = archiver;
  if (lastFailed && (!lastArchived || lastFailed > lastArchived)) {
    return { ok: false, detail: `${cluster}: the last segment failed (${failedFile})`, fix };
  }
  if (!lastArchived || needsProof(archiver, now)) {
    return { ok: false, detail: `${cluster}: no segment arrived within ${arrival / 1000} s`, fix };
  }
  const seconds = Math.max(0, Math.round((now.getTime() - lastArchived.getTime()) / 1000));
  return {
    ok: true,
    detail: `${cluster}: ${archiver.archived} segments archived, the last ${seconds} s ago`,
  };
}
