import type { CopyRepositories } from "../roles/dailyCopies.ts";
import type { Repository } from "../roles/pgbackrest.ts";
import type { BackupSpec, DataLayerSpec } from "./spec.ts";

/** Where a bucket is, as machines reach it. */
export function repositoryOf(name: string, { buckets }: DataLayerSpec, who: string): Repository {
  const bucket = buckets.find((each) => each.name === name);
  if (!bucket) throw new Error(`${who} backs up into ${name}, which is no bucket here`);
  const { hostname, port } = new URL(bucket.endpoint);
  return {
    endpoint: hostname,
    port: port === "" ? 443 : Number(port),
    region: bucket.region,
    bucket: bucket.bucket,
    ownAuthority: bucket.caCertificate !== null,
  };
}

/**
 * Where daily copies go.
 * @param keepDays In each of them; for as long as backups there if left out.
 */
export function copyRepositories(
  { bucket, retentionDays, second }: Pick<BackupSpec, "bucket" | "second" | "retentionDays">,
  layer: DataLayerSpec,
  who: string,
  keepDays?: number,
): CopyRepositories {
  const first = { ...repositoryOf(bucket, layer, who), keepDays: keepDays ?? retentionDays };
  if (second === null) return [first];
  return [first, { ...repositoryOf(second.bucket, layer, who), keepDays: keepDays ?? second.retentionDays }];
}
