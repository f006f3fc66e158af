import { Documents } from "../../../clients/s3/documents.ts";
import type { Origin } from "../../../infra/origin.ts";
import type { Topology } from "../../../infra/topology.ts";
import type { OperationContext } from "../../context.ts";
import type { Cluster } from "../../topology.ts";
import type { ChosenRepository } from "../repositories.ts";
import type { Way } from "../restore.ts";
import { cipherOf } from "../scratch.ts";
import { restoreOptions, type Target } from "../target.ts";

/**
 * What the machines of a new stack are told of the repository that its data comes from.
 * @param way The backup that it begins with, and the line of history that leads to the target.
 * @param cluster.new The name of the new stack's cluster.
 */
export async function originOf(
  topology: Topology,
  { bucket }: ChosenRepository,
  cluster: { old: Cluster; new: string },
  target: Target,
  way: Way,
  ctx: OperationContext,
): Promise<Origin> {
  const { hostname, port } = new URL(bucket.endpoint);
  return {
    spec: {
      cluster: cluster.new,
      stanza: cluster.old.backupStanza,
      repository: {
        endpoint: hostname,
        port: port === "" ? 443 : Number(port),
        region: bucket.region,
        bucket: bucket.name,
        ownAuthority: bucket.caCertificate !== null,
      },
      patienceSeconds: patience(way.backup.bytes),
      options: await optionsOf(bucket, cluster.old, target, way, ctx),
    },
    accessKey: bucket.accessKey,
    secretKey: bucket.secretKey,
    cipher: cipherOf(topology, cluster.old),
    caCertificate: bucket.caCertificate,
  };
}

/** In seconds: at 10 MB/s, as the slowest of what was measured, beside what an empty cluster may take. */
function patience(bytes: number): number {
  return 300 + Math.ceil(bytes / 10e6);
}

async function optionsOf(
  bucket: ChosenRepository["bucket"],
  cluster: Cluster,
  target: Target,
  way: Way,
  ctx: OperationContext,
): Promise<string[]> {
  const { backup, marked, timeline } = way;
  const end = target.type === "time" && !marked ? await archiveEnd(bucket, cluster) : null;
  if (target.type === "time" && end !== null && target.time > end) {
    // PostgreSQL takes it for a fault where nothing was committed after the moment that it is to stop at.
    ctx.onLine(`the archive ends at ${end.toISOString()}, before that moment: all of it is replayed`);
    return restoreOptions({ type: "latest" }, backup.label, timeline);
  }
  return restoreOptions(target, backup.label, timeline);
}

/** When the newest log came into the archive: everything in it was committed before. */
async function archiveEnd(bucket: ChosenRepository["bucket"], cluster: Cluster): Promise<Date | null> {
  using store = new Documents(bucket, bucket.name);
  const entries = await store.entries(`postgresql/archive/${cluster.backupStanza}/`);
  return entries.reduce<Date | null>(
    (end, { modified }) => (end === null || modified > end ? modified : end),
    null,
  );
}
