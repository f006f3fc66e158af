import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import writeFileAtomic from "write-file-atomic";
import { s3Client } from "../../clients/s3.ts";
import type { Topology } from "../../infra/topology.ts";
import { dataFolder } from "../../toolchain/paths.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { prepare } from "../deploy/prepare.ts";
import { readTopology } from "../topology.ts";
import type { PromotionReport } from "./report.ts";

/**
 * One run of `promote`, also one that failed: kept here and, for the record, as an object in the stack's bucket.
 * Holds no secret.
 */
export interface PromotionRecord extends Omit<PromotionReport, "outcome" | "canary"> {
  /** When the run began. */
  at: string;
  /** Who ran it, from where. */
  by: string;
  outcome: PromotionReport["outcome"] | "interrupted" | "failed";
  /** What it ended with, where it did not end well. */
  problem: string | null;
  /** Null where the canary could not be asked any more. */
  canary: PromotionReport["canary"] | null;
}

/** Colons are no good in file names. */
function nameOf({ at, id }: PromotionRecord): string {
  return `${at.replace(/[:.]/g, "-")}-${id.slice(-8)}.json`;
}

function folderOf(stack: string): string {
  return join(dataFolder(), "reports", stack, "promotions");
}

/** Where the records of a stack are in its bucket. */
function prefixOf(stack: string): string {
  return `phasewise/${stack}/promotions/`;
}

/**
 * Keeps a record: in a file here, and as an object beside the backups.
 * @returns The file. That the object could not be written is told and holds nothing up.
 */
export async function keepRecord(
  record: PromotionRecord,
  topology: Topology,
  ctx: OperationContext,
): Promise<string> {
  const folder = folderOf(record.stack);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, nameOf(record));
  const text = `${JSON.stringify(record, null, 2)}\n`;
  await writeFileAtomic(file, text);
  await inBucket(topology, async (send, bucket) => {
    const key = `${prefixOf(record.stack)}${nameOf(record)}`;
    await send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: text }));
  }).catch((error) =>
    ctx.onLine(`warning: the record could not be kept in the stack's bucket: ${messageOf(error)}`),
  );
  return file;
}

/**
 * The newest record of a stack, from its bucket, so that it is the same from every checkout; where the bucket does not
 * answer, the newest that is kept here.
 * @throws Problem where there is none.
 */
export async function lastRecord(stack: string, ctx: OperationContext): Promise<PromotionRecord> {
  const { deployment } = await prepare(stack, ctx);
  const text = await newestInBucket(stack, await readTopology(deployment, ctx)).catch((error) => {
    ctx.onLine(`warning: the stack's bucket does not answer, this is what is kept here: ${messageOf(error)}`);
    return newestHere(stack);
  });
  if (text !== null) return JSON.parse(text) as PromotionRecord;
  throw new Problem({
    happened: `No promotion of ${stack} is on record.`,
    left: "Nothing was changed.",
    todo: [`npx phasewise promote ${stack} --to 2 --dry-run   shows what one would do`],
    exitCode: 2,
  });
}

async function newestInBucket(stack: string, topology: Topology): Promise<string | null> {
  return await inBucket(topology, async (send, bucket) => {
    let newest: string | undefined;
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page = await send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefixOf(stack), ContinuationToken: token }),
      );
      newest = page.Contents?.at(-1)?.Key ?? newest;
      token = page.NextContinuationToken;
    }
    if (newest === undefined) return null;
    const { Body } = await send(new GetObjectCommand({ Bucket: bucket, Key: newest }));
    return (await Body?.transformToString()) ?? null;
  });
}

async function newestHere(stack: string): Promise<string | null> {
  const names = await readdir(folderOf(stack)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const newest = names.sort().at(-1);
  return newest === undefined ? null : await readFile(join(folderOf(stack), newest), "utf8");
}

type Send = ReturnType<typeof s3Client>["send"];

async function inBucket<T>(
  { buckets: [bucket] }: Topology,
  use: (send: Send, bucket: string) => Promise<T>,
): Promise<T> {
  if (!bucket) throw new Error("the stack has no bucket");
  const client = s3Client(bucket);
  try {
    return await use(client.send.bind(client) as Send, bucket.name);
  } finally {
    client.destroy();
  }
}
