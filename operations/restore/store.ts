import { Documents } from "../../clients/s3/documents.ts";
import type { Topology } from "../../infra/topology.ts";
import { Kept, type KeptPlace } from "./kept.ts";
import type { RestorePoint } from "./repository.ts";

/** Beside pgBackRest's own `postgresql/`. */
const POINTS = "phasewise/restore-points/";

/** One bucket of a stack's backups. To be disposed of. */
export function openRepository(bucket: Topology["buckets"][number]): Kept {
  return new Kept([place(bucket)], () => undefined);
}

/**
 * What Phasewise itself keeps in the buckets that hold a stack's backups: see `Kept`. To be disposed of.
 * @param tell What is said of one of several that does not answer; `verify` tells it by itself.
 */
export function openStore(topology: Topology, tell: (line: string) => void = () => undefined): Kept {
  if (topology.buckets.length === 0) throw new Error(`${topology.stack} has no bucket`);
  return new Kept(topology.buckets.map(place), tell);
}

function place(bucket: Topology["buckets"][number]): KeptPlace {
  return { name: `the bucket ${bucket.name}`, documents: new Documents(bucket, bucket.name) };
}

export function pointKey(cluster: string, name: string): string {
  return `${POINTS}${cluster}/${name}.json`;
}

/** The restore points of a cluster, the oldest first. */
export async function readPoints(
  store: Pick<Kept, "keys" | "get">,
  cluster: string,
): Promise<RestorePoint[]> {
  const keys = await store.keys(`${POINTS}${cluster}/`);
  const points = await Promise.all(keys.map((key) => store.get(key)));
  return points
    .map((point) => {
      const { name, time, lsn } = point as { name: string; time: string; lsn: string };
      return { name, time: new Date(time), lsn };
    })
    .sort((a, b) => a.time.getTime() - b.time.getTime());
}
