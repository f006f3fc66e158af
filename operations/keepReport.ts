import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import writeFileAtomic from "write-file-atomic";
import { s3Client } from "../clients/s3.ts";
import type { Topology } from "../infra/topology.ts";
import { dataFolder } from "../toolchain/paths.ts";
import { messageOf } from "../toolchain/problem.ts";
import type { OperationContext } from "./context.ts";

/**
 * Keeps an operation's report: in a file here, and as an object beside the backups, for the record.
 * @param kind As "promote".
 * @returns The file. That the object could not be written is told and holds nothing up.
 */
export async function keepReport(
  kind: string,
  report: { id: string; stack: string },
  topology: Topology,
  ctx: OperationContext,
): Promise<string> {
  const folder = join(dataFolder(), "reports", report.stack);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const name = `${kind}-${report.id}.json`;
  const file = join(folder, name);
  const text = `${JSON.stringify(report, null, 2)}\n`;
  await writeFileAtomic(file, text);
  const [bucket] = topology.buckets;
  if (bucket) {
    const client = s3Client(bucket);
    try {
      await client.send(
        new PutObjectCommand({ Bucket: bucket.name, Key: `phasewise/${report.stack}/${name}`, Body: text }),
      );
    } catch (error) {
      ctx.onLine(`warning: the report could not be kept in the bucket ${bucket.name}: ${messageOf(error)}`);
    } finally {
      client.destroy();
    }
  }
  return file;
}
