import { setTimeout as sleep } from "node:timers/promises";
import { isLock, tryLock } from "../../../toolchain/lock.ts";
import { dataFolder } from "../../../toolchain/paths.ts";
import { messageOf, Problem } from "../../../toolchain/problem.ts";
import { Canary } from "../../canary/canary.ts";
import { interrupted, type OperationContext } from "../../context.ts";
import { ensureCloud } from "../../deploy/cloud.ts";
import { readStackFile } from "../../deploy/stackFile.ts";
import { openDeployment } from "../../deploy/workspace.ts";
import { markArchive } from "../../restore/archive.ts";
import { clusterOf } from "../../restore/restore.ts";
import { type Cluster, type Deployed, readDeployed } from "../../topology.ts";
import { leaderOf } from "../../verify/patroni.ts";
import { openWorld } from "../../verify/world.ts";
import type { DrillReport } from "../reports.ts";
import {
  type Loss,
  type LossJournal,
  lossPaths,
  readLossJournal,
  removeLossJournal,
  writeLossJournal,
} from "./journal.ts";
import { judge } from "./judge.ts";
import { takeKit } from "./kitAtHand.ts";
import { rebuild } from "./rebuild.ts";
import { strike } from "./strike.ts";
import { acknowledgedNow, tryWrite } from "./witness.ts";

export interface LoseOptions {
  loss: Loss;
  /** The age key of the recovery kit, for `everything`. */
  identity?: string;
  /** Asked before anything is lost. */
  confirm?(what: string): Promise<boolean>;
}

/** Rows a second that a witness writes before and during the loss. */
const RATE = 20;
/** The witness writes for so long before its mark, and for up to so long after it (milliseconds). */
const BEFORE = 3000;
const AFTER = 5000;

/**
 * Loses a part of a stack on the embedded cloud, rebuilds it from code, bucket and recovery kit, and measures that. A
 * run that was killed is run again and goes on where it stopped.
 * @throws Problem (exit 2) for a stack in production, and where it could not be rebuilt afterwards.
 */
export async function lose(stack: string, options: LoseOptions, ctx: OperationContext): Promise<DrillReport> {
  await using _lock = await lockDrill(stack);
  const found = await readLossJournal(stack);
  if (found !== null && found.loss !== options.loss && found.stage !== "ready")
    throw otherUnderWay(stack, found);
  const journal = found === null || found.stage === "ready" ? await prepare(stack, options, ctx) : found;
  if (found?.stage === "striking" || found?.stage === "struck")
    ctx.onLine("going on with a drill that was cut off");
  if (journal.stage !== "struck") await makeLoss(stack, journal, ctx);
  const restored = await rebuild(stack, { ...journal, stage: "struck" }, options.identity, ctx);
  const report = await judge(stack, (await readLossJournal(stack))!, restored, ctx);
  await removeLossJournal(stack);
  return report;
}

/** Judges everything that can be judged beforehand, and lets the witness write. */
async function prepare(stack: string, options: LoseOptions, ctx: OperationContext): Promise<LossJournal> {
  await refuseProduction(stack);
  const deployed = await readDeployed(stack, ctx);
  const { topology } = deployed;
  const cluster = clusterOf(topology, undefined);
  await removeLossJournal(stack);
  if (options.loss === "everything") await takeKit(deployed, options.identity, ctx);
  const what = WORDS[options.loss];
  if (options.confirm && !(await options.confirm(what))) {
    throw new Problem({ happened: "Not confirmed.", left: "Nothing was lost.", exitCode: 130 });
  }
  const journal: LossJournal = {
    loss: options.loss,
    stage: "ready",
    startedAt: new Date().toISOString(),
    struckAt: null,
    cluster: cluster.name,
    ...(await victims(options.loss, deployed, cluster, ctx)),
    run: null,
    must: null,
    archivedAfter: null,
  };
  await writeLossJournal(stack, journal);
  return await witness(stack, journal, deployed, cluster, ctx);
}

const WORDS: Record<Loss, string> = {
  machine: "The primary's machine is deleted; its volume stays",
  volume: "The primary's machine and its volume are deleted",
  "bucket-credentials": "The bucket's keys are revoked",
  everything: "All machines, volumes and networks are deleted, and the state and the secrets here",
};

/** A drill is for what may be lost. @throws Problem (exit 2). */
async function refuseProduction(stack: string): Promise<void> {
  if ((await readStackFile(stack)).embedded) return;
  throw new Problem({
    happened: `${stack} does not live on the embedded cloud: nothing of it is ever lost for a trial.`,
    left: "Nothing was lost and nothing was changed.",
    todo: [
      `npx phasewise drill ${stack} restores its newest backup to a throw-away machine.`,
      "For a disaster, make a stack on the embedded cloud with the same settings (docs/drills.md) and lose that.",
    ],
    exitCode: 2,
  });
}

/** The machine that the primary is on; where nobody answers, the first one with the data. */
async function victims(
  loss: Loss,
  { topology }: Deployed,
  cluster: Cluster,
  ctx: OperationContext,
): Promise<Pick<LossJournal, "servers" | "volumes">> {
  if (loss === "bucket-credentials" || loss === "everything") return { servers: [], volumes: [] };
  await using world = openWorld(topology, { unavailable: "a drill does not ask it" }, ctx);
  const primary = await leaderOf(world, cluster).catch((error: unknown) => {
    ctx.signal.throwIfAborted();
    ctx.onLine(`the primary does not answer: ${messageOf(error).split("\n")[0]}`);
    return topology.machines.find(({ name }) => name === cluster.members[0])!;
  });
  ctx.onLine(`the primary is on ${primary.name}`);
  const volumes = loss === "volume" ? primary.volumes.map(({ id }) => id) : [];
  return { servers: [primary.serverId], volumes };
}

/** Writes numbered rows, marks what the archive has, goes on for a moment of chance, and makes the loss meanwhile. */
async function witness(
  stack: string,
  journal: LossJournal,
  { topology }: Deployed,
  cluster: Cluster,
  ctx: OperationContext,
): Promise<LossJournal> {
  const folder = lossPaths.ledger(stack);
  const run = `drill-${Date.parse(journal.startedAt)}`;
  try {
    await tryWrite(topology);
  } catch (error) {
    ctx.onLine(
      `${stack} takes no writes, so nothing is written to be looked for: ${messageOf(error).split("\n")[0]}`,
    );
    return journal;
  }
  const canary = await Canary.start(topology, { run, folder, rate: RATE, writers: 2 });
  try {
    await sleep(BEFORE);
    const acknowledged = await acknowledgedNow(folder);
    await using world = openWorld(topology, { unavailable: "a drill does not ask it" }, ctx);
    const mark = await markArchive(world, await leaderOf(world, cluster), cluster);
    await sleep(Math.random() * AFTER);
    if (ctx.signal.aborted) throw interrupted("Nothing was lost.", "Run it again.");
    const must = survives(journal.loss, cluster) ? null : acknowledged;
    const next: LossJournal = { ...journal, run, must, archivedAfter: mark.archivedAfter };
    await makeLoss(stack, next, ctx);
    return { ...next, stage: "struck" };
  } finally {
    await canary.abandon();
  }
}

/** Whether every acknowledged row must survive: a standby has it, or the volume stays. */
function survives(loss: Loss, { durability, members }: Cluster): boolean {
  if (loss === "bucket-credentials") return true;
  if (loss === "everything") return false;
  return members.length === 1 ? loss === "machine" : durability === "sync";
}

async function makeLoss(stack: string, journal: LossJournal, ctx: OperationContext): Promise<void> {
  const struckAt = journal.struckAt ?? new Date().toISOString();
  const striking: LossJournal = { ...journal, stage: "striking", struckAt };
  await writeLossJournal(stack, striking);
  ctx.onLine(`${WORDS[journal.loss]}.`);
  const { endpoint, token } = await ensureCloud(ctx);
  const deployment = await openDeployment(await readStackFile(stack), ctx);
  await strike(striking, { deployment, access: { endpoint, token } }, ctx);
  await writeLossJournal(stack, { ...striking, stage: "struck" });
}

async function lockDrill(stack: string): Promise<AsyncDisposable> {
  const lock = await tryLock(`${dataFolder()}#drill#${stack}`, `drill ${stack}`);
  if (isLock(lock)) return lock;
  throw new Problem({
    happened: `Another drill is working on ${stack} (process ${lock.pid}).`,
    left: "This command changed nothing.",
    todo: ["Wait until it has ended, then run this again."],
  });
}

function otherUnderWay(stack: string, { loss, startedAt }: LossJournal): Problem {
  return new Problem({
    happened: `A drill of ${stack} that lost "${loss}" (begun ${startedAt}) did not come to its end.`,
    left: "This command lost nothing.",
    todo: [`npx phasewise drill ${stack} --lose ${loss} --yes goes on with it.`],
    exitCode: 2,
  });
}
