import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import writeFileAtomic from "write-file-atomic";
import { s3Client } from "../../clients/s3.ts";
import type { Topology } from "../../infra/topology.ts";
import { dataFolder } from "../../toolchain/paths.ts";
import { messageOf } from "../../toolchain/problem.ts";
import type { CanaryReport } from "../canary/canary.ts";
import type { OperationContext } from "../context.ts";
import type { CutoverTimes } from "../switchover/cutover.ts";
import type { PriceChange } from "./plan.ts";

/** What `promote --json` prints. */
export interface PromotionReport {
  id: string;
  stack: string;
  from: number;
  to: number;
  /** `done`: in the new phase; `undone`: back in the old one; `paused`: where it was asked to stop. */
  outcome: "done" | "undone" | "paused";
  /** Of this run. */
  seconds: number;
  steps: { name: string; seconds: number }[];
  price: PriceChange;
  /** Of this run's moves of the primary. */
  cutovers: CutoverTimes[];
  canary: Omit<CanaryReport, "stalls"> & { stalls: StepStall[] };
}

/** A stretch in which clients were held, with the step that was at work. */
export interface StepStall {
  at: Date;
  ms: number;
  step: string | null;
}

/** @param begun When each step of the run began, in order. */
export function withSteps(
  { stalls, ...canary }: CanaryReport,
  begun: { name: string; at: Date }[],
): PromotionReport["canary"] {
  const stepAt = (at: Date) => begun.findLast((step) => step.at <= at)?.name ?? null;
  return { ...canary, stalls: stalls.map((stall) => ({ ...stall, step: stepAt(stall.at) })) };
}

/**
 * Keeps a report: in a file here, and as an object beside the backups, for the record.
 * @returns The file. That the object could not be written is told and holds nothing up.
 */
export async function keepReport(
  report: PromotionReport,
  topology: Topology,
  ctx: OperationContext,
): Promise<string> {
  const folder = join(dataFolder(), "reports", report.stack);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `promote-${report.id}.json`);
  const text = `${JSON.stringify(report, null, 2)}\n`;
  await writeFileAtomic(file, text);
  const [bucket] = topology.buckets;
  if (bucket) {
    const key = `phasewise/${report.stack}/promote-${report.id}.json`;
    const client = s3Client(bucket);
    try {
      await client.send(new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: text }));
    } catch (error) {
      ctx.onLine(`warning: the report could not be kept in the bucket ${bucket.name}: ${messageOf(error)}`);
    } finally {
      client.destroy();
    }
  }
  return file;
}

/** For people. */
export function reportText(report: PromotionReport): string {
  const { canary, cutovers, from, outcome, price, seconds, stack, to } = report;
  const ends = {
    done: `${stack} is in phase ${to}`,
    undone: `${stack} is back in phase ${from}`,
    paused: `${stack} is between phase ${from} and phase ${to}`,
  };
  const held = cutovers.map((times) => `${times.heldMs} ms`);
  return [
    `${ends[outcome]} after ${seconds} s.`,
    `  rows     ${canary.acknowledged} acknowledged, ${canary.missing} missing`,
    `  clients  ${canary.errors} errors; 99 % of their waits within ${canary.p99StallMs} ms, the longest:`,
    ...(held.length > 0 ? [`  held     ${held.join(", ")} while the primary moved`] : []),
    ...(price.before !== null && price.after !== null
      ? [`  price    EUR ${price.before.toFixed(2)} -> ${price.after.toFixed(2)} a month`]
      : []),
    ...canary.stalls.map(({ ms, step }) => `  wait     ${ms} ms${step ? ` during ${step}` : ""}`),
    ...canary.samples.map((sample) => `  ! ${sample}`),
  ].join("\n");
}
