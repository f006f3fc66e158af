import { Documents } from "../../clients/s3/documents.ts";
import type { Topology } from "../../infra/topology.ts";
import type { OperationContext } from "../context.ts";
import type { Cluster } from "../topology.ts";
import type { Reached } from "./reached.ts";

const SEGMENT_BYTES = 16 * 1024 ** 2;
/** A clock that NTP holds is never so far off (milliseconds). */
const SLACK_MS = 60_000;

/**
 * PostgreSQL stops before the first transaction that carries a later time than the one that is asked for. Where the
 * primary's clock was ahead for a while, that is one of before it, and what followed is missing although it was
 * committed in time. It shows: such a transaction was in the bucket before the time that it carries.
 * @param stopped The time that the first transaction carries which was left out.
 * @param archivedAt When the log that it stands in came into the bucket, by the storage's clock.
 * @returns What to tell; null where nothing is wrong.
 */
export function clockWarning(stopped: string, archivedAt: Date | null): string | null {
  if (archivedAt === null || Date.parse(stopped) - archivedAt.getTime() <= SLACK_MS) return null;
  return (
    `the primary's clock was ahead: the first transaction that was left out carries ${stopped}, and was in the archive ` +
    `at ${archivedAt.toISOString()} already. Later ones may be missing that were committed in time: restore to a place ` +
    "in the log, a restore point or latest instead"
  );
}

/** Where a replay ended, and why. */
export interface Stopped {
  reached: Reached;
  stopped: string | null;
  /** The line of history that it followed at its end; left out where that is not known. */
  timeline?: number;
}

/**
 * Looks whether a restore to a time went by a clock that was wrong, and tells it.
 * @param ctx.onLine Null: it is told already.
 * @returns What was told.
 */
export async function judgeClock(
  bucket: Topology["buckets"][number],
  cluster: Cluster,
  { reached, stopped, timeline }: Stopped,
  ctx: Pick<OperationContext, "onLine"> | null,
): Promise<string | null> {
  if (stopped === null || reached.lsn === null) return null;
  using store = new Documents(bucket, bucket.name);
  const warning = clockWarning(stopped, await archivedAt(store, cluster, { lsn: reached.lsn, timeline }));
  if (warning !== null) ctx?.onLine(`warning: ${warning}`);
  return warning;
}

/**
 * When the log around a place came into the bucket; null where it is not found. A database that was restored over its
 * own data archives a segment of the same number once more, later, under a timeline of its own.
 * @param place.lsn As "0/3000148".
 * @param place.timeline Undefined: on any.
 */
export async function archivedAt(
  store: Pick<Documents, "folders" | "entries">,
  cluster: Pick<Cluster, "backupStanza" | "postgresVersion">,
  { lsn, timeline }: { lsn: string; timeline: number | undefined },
): Promise<Date | null> {
  const folder = `postgresql/archive/${cluster.backupStanza}/${cluster.postgresVersion}-1/`;
  const lines =
    timeline === undefined
      ? new Set((await store.folders(folder)).map((name) => name.slice(0, 8)))
      : [hex(timeline)];
  const prefixes = segmentsAt(lsn).flatMap(({ log, segment }) =>
    [...lines].map((line) => `${folder}${line}${log}/${line}${log}${segment}-`),
  );
  const found = await Promise.all(prefixes.map((prefix) => store.entries(prefix)));
  return found
    .flat()
    .reduce<Date | null>((last, { modified }) => (last === null || modified > last ? modified : last), null);
}

/** The segment of a place and the one after it, in which the next record may stand. */
export function segmentsAt(lsn: string): { log: string; segment: string }[] {
  const [high = "0", low = "0"] = lsn.split("/");
  const first = Number.parseInt(high, 16) * 256 + Math.floor(Number.parseInt(low, 16) / SEGMENT_BYTES);
  return [first, first + 1].map((number) => ({
    log: hex(Math.floor(number / 256)),
    segment: hex(number % 256),
  }));
}

function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, "0");
}
