import type { Documents } from "../../clients/s3/documents.ts";
import type { DrillCheck } from "./checks.ts";

/** What `drill --json` prints, and what is kept in the bucket. */
export interface DrillReport {
  ok: boolean;
  stack: string;
  cluster: string;
  /** What was lost for the trial; null where a backup was restored beside the stack. */
  lost: string | null;
  startedAt: string;
  /** The number of the repository that was read; left out of a disaster: what is rebuilt asks all of them. */
  repository?: number;
  /** The backup that was restored; null where none was. */
  backup: string | null;
  /**
   * Of a restore: from the order of a machine until PostgreSQL took connections with all that the archive holds. Of a
   * disaster: from the loss until the stack took writes again.
   */
  rtoSeconds: number | null;
  /**
   * Of a restore: what a loss at the worst moment would have cost, which is the time after which PostgreSQL sends a
   * segment that is not full, and the time it took into the bucket just now. Of a disaster: how much before the loss
   * the newest row is that came back. Null where nobody knows, as of a stack that did not answer.
   */
  rpoSeconds: number | null;
  /**
   * Acknowledged rows that had to be there and were not: those that were in the archive, and where a machine with the
   * data survived, all of them. Null where the stack did not answer beforehand.
   */
  rowsMissing: number | null;
  checks: DrillCheck[];
}

/** What is remembered of a drill that went well. */
export interface GoodDrill {
  startedAt: Date;
  rtoSeconds: number;
  rpoSeconds: number | null;
  lost: string | null;
}

/** Restores beside the stack, and rebuilds after a loss. */
export type DrillKind = "restore" | "disaster";

const FOLDERS: Record<DrillKind, string> = {
  restore: "phasewise/drills/",
  disaster: "phasewise/disaster-drills/",
};

/** Names of reports are in the order of time. */
export function reportKey(kind: DrillKind, cluster: string, started: Date): string {
  return `${FOLDERS[kind]}${cluster}/${started.toISOString()}.json`;
}

/** A dozen bad ones in a row say enough. */
const lookedAt = 12;

/** Kinds of drill, in one order. */
export const drillKinds = Object.keys(FOLDERS) as DrillKind[];

/** The newest report of a kind; null where there is none. */
export async function lastDrill(
  store: Pick<Documents, "keys" | "get">,
  kind: DrillKind,
  cluster: string,
): Promise<DrillReport | null> {
  const newest = (await store.keys(`${FOLDERS[kind]}${cluster}/`)).at(-1);
  return newest === undefined ? null : ((await store.get(newest)) as DrillReport | null);
}

/** The newest drill of a kind that went well; null where there was none. */
export async function lastGoodDrill(
  store: Pick<Documents, "keys" | "get">,
  kind: DrillKind,
  cluster: string,
): Promise<GoodDrill | null> {
  const keys = (await store.keys(`${FOLDERS[kind]}${cluster}/`)).slice(-lookedAt).reverse();
  for (const key of keys) {
    const report = (await store.get(key)) as DrillReport | null;
    if (!report?.ok) continue;
    const { lost = null, rpoSeconds, rtoSeconds, startedAt } = report;
    return { startedAt: new Date(startedAt), rtoSeconds: rtoSeconds ?? 0, rpoSeconds, lost };
  }
  return null;
}
