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
