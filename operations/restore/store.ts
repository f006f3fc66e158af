import { Documents } from "../../clients/s3/documents.ts";
import type { Topology } from "../../infra/topology.ts";
import type { RestorePoint } from "./repository.ts";

/** Beside pgBackRest's own `postgresql/`. */
const POINTS = "phasewise/restore-points/";

/** The bucket that holds a stack's backups, for what Phasewise itself keeps there. To be disposed of. */
export function openStore(topology: Topology): Documents {
  const [bucket] = topology.buckets;
  if (bucket === undefined) throw new Error(`${topology.stack} has no bucket`);
  return new Documents(bucket, bucket.name);
}

export function pointKey(cluster: string, name: string): string {
  return `${POINTS}${cluster}/${name}.json`;
}

/** The restore points of a cluster, the oldest first. */
export async function readPoints(store: Documents, cluster: string): Promise<RestorePoint[]> {
  const keys = await store.keys(`${POINTS}${cluster}/`);
  const points = await Promise.all(keys.map((key) => store.get(key)));
  return points
    .map((point) => {
      const { name, time, lsn } = point as { name: string; time: string; lsn: string };
      return { name, time: new Date(time), lsn };
    })
    .sort((a, b) => a.time.getTime() - b.time.getTime());
}

const DRILLS = "phasewise/drills/";

export function drillKey(cluster: string, started: Date): string {
  return `${DRILLS}${cluster}/${started.toISOString()}.json`;
}

/** The report of the newest drill that went well, and when it began; null where there was none. */
export async function lastGoodDrill(
  store: Documents,
  cluster: string,
): Promise<{ startedAt: Date; rtoSeconds: number; rpoSeconds: number | null } | null> {
  // Their names are in the order of time. A dozen bad ones in a row say enough.
  const keys = (await store.keys(`${DRILLS}${cluster}/`)).slice(-12).reverse();
  for (const key of keys) {
    const report = (await store.get(key)) as {
      ok: boolean;
      startedAt: string;
      rtoSeconds: number;
      rpoSeconds: number;
    };
    if (report.ok) return { ...report, startedAt: new Date(report.startedAt) };
  }
  return null;
}
