import { visitorOf } from "../../../clients/ssh/visitor.ts";
import { messageOf, Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import { lockStack } from "../../deploy/stackLock.ts";
import { Machines } from "../../machines.ts";
import { type Cluster, readDeployed } from "../../topology.ts";
import type { Journal } from "../../workflow/journal.ts";
import { runWorkflow } from "../../workflow/run.ts";
import { stackStore } from "../../workflow/stackStore.ts";
import type { HeldStore } from "../../workflow/store.ts";
import { clusterOf } from "../restore.ts";
import type { Ended } from "./continuity.ts";
import { forgetOld, type OldData } from "./kept.ts";
import { type InPlaceAsked, type InPlacePlan, planInPlace } from "./plan.ts";
import type { RestoreRequest } from "./request.ts";
import { StackInPlace } from "./stackWorld.ts";
import { begin, stepsOf, underWay } from "./task.ts";

export interface InPlaceOptions extends InPlaceAsked {
  /** Which cluster, where there are several. */
  cluster?: string | undefined;
  /** Go on with one that was cut off, or take it back. */
  way?: "resume" | "abort" | undefined;
  /** Asked before anything is changed. */
  confirm?(plan: InPlacePlan): Promise<boolean>;
}

/** What `restore --in-place --json` prints. */
export interface InPlaceReport {
  id: string;
  stack: string;
  cluster: string;
  outcome: "done" | "undone";
  target: string;
  /** The backup it began with; null where kept data took its place. */
  backup: string | null;
  /** How far it came; null where it was taken back. */
  reached: { time: string | null; lsn: string | null } | null;
  timeline: { before: number; after: number } | null;
  /** Why the result may not be what was asked for; null where nothing speaks against it. */
  warning: string | null;
  seconds: number;
  /** For how long clients found no primary. */
  stoppedSeconds: number;
  steps: { name: string; seconds: number }[];
  /** Where the old data is; null where none is kept. */
  kept: { id: string; machine: string } | null;
}

/** Restores a cluster over its own data, goes on with a restore that was cut off, or takes it back. */
export async function restoreInPlace(
  stack: string,
  options: InPlaceOptions,
  ctx: OperationContext,
): Promise<InPlaceReport> {
  await using _lock = await lockStack(stack, "restore");
  const { topology } = await readDeployed(stack, ctx);
  await using machines = new Machines(topology, ctx);
  const store = stackStore(machines, ctx);
  const found = await store.read();
  const { journal, request } = await taskOf(machines, options, found, ctx);
  const cluster = clusterOf(topology, request.cluster);
  await using held = await store.lock(`restore ${stack} (${visitorOf().from})`);
  const now = await store.read();
  if ((now?.id ?? null) !== (found?.id ?? null)) throw changedMeanwhile(stack);
  return await work({ machines, cluster, request, journal, held }, ctx);
}

/** Removes the data that restores in place took the place of. @param id Null: all of it. */
export async function forgetOldData(
  stack: string,
  options: { cluster?: string | undefined; id: string | null },
  ctx: OperationContext,
): Promise<OldData[]> {
  await using _lock = await lockStack(stack, "restore");
  const { topology } = await readDeployed(stack, ctx);
  await using machines = new Machines(topology, ctx);
  const store = stackStore(machines, ctx);
  await using _held = await store.lock(`restore ${stack} --forget-old (${visitorOf().from})`);
  if (await store.read()) throw stillUnderWay(stack);
  return await forgetOld(machines, clusterOf(topology, options.cluster), options.id);
}

async function taskOf(
  machines: Machines,
  options: InPlaceOptions,
  journal: Journal | null,
  ctx: OperationContext,
): Promise<{ journal: Journal; request: RestoreRequest }> {
  const { stack } = machines.topology;
  if (options.way) return underWay(stack, journal, options.way);
  const cluster = clusterOf(machines.topology, options.cluster);
  const plan = await planInPlace(machines, cluster, options, journal, ctx);
  if (options.confirm && !(await options.confirm(plan))) {
    throw new Problem({ happened: "Not confirmed.", left: "Nothing was changed.", exitCode: 130 });
  }
  return { journal: begin(plan.request, visitorOf().from, new Date()), request: plan.request };
}

async function work(
  run: {
    machines: Machines;
    cluster: Cluster;
    request: RestoreRequest;
    journal: Journal;
    held: HeldStore;
  },
  ctx: OperationContext,
): Promise<InPlaceReport> {
  const { cluster, held, journal, machines, request } = run;
  const { stack } = machines.topology;
  const start = Date.now();
  const world = new StackInPlace({ id: journal.id, request, machines, cluster }, ctx);
  const stopped = { from: start, to: start };
  const { end, journal: last } = await runWorkflow({
    steps: stepsOf(request),
    journal,
    world,
    store: held,
    hooks: {
      signal: ctx.signal,
      onStep: ({ name, title }, doing, { at, of }) => {
        if (name === "stop" && doing === "act") stopped.from = Date.now();
        ctx.onLine(`[${at}/${of}] ${doing === "undo" ? "take back: " : ""}${title}`);
      },
      onAgain: ctx.onLine,
      onDone: ({ name }, seconds, skipped) => {
        if (name === "lead") stopped.to = Date.now();
        ctx.onLine(`  ${name}: ${skipped ? "nothing to do" : "done"} (${seconds} s)`);
      },
    },
  }).catch((error) => {
    throw told(error, stack, request);
  });
  if (end !== "done" && end !== "undone") throw cutOff(stack);
  const ended: Ended | null = end === "done" ? await world.outcome() : null;
  const { from } = request;
  return {
    id: journal.id,
    stack,
    cluster: cluster.name,
    outcome: end,
    target: request.targetText,
    backup: from.type === "backup" ? from.label : null,
    reached: ended && { time: ended.time, lsn: ended.lsn },
    timeline: ended && { before: ended.left, after: ended.timeline },
    warning: ended?.warning ?? null,
    seconds: secondsOf(Date.now() - start),
    stoppedSeconds: secondsOf(stopped.to - stopped.from),
    steps: Object.entries(last.seconds).map(([name, seconds]) => ({ name, seconds })),
    kept: end === "done" && request.keepOld ? { id: journal.id, machine: request.machine } : null,
  };
}

function secondsOf(milliseconds: number): number {
  return Math.round(milliseconds / 100) / 10;
}

function told(error: unknown, stack: string, request: RestoreRequest): Problem {
  const problem = error instanceof Problem ? error : null;
  const back = request.keepOld ? [`npx phasewise restore ${stack} --abort    goes back to the old data`] : [];
  return new Problem({
    happened: problem?.happened ?? messageOf(error).split("\n")[0]!,
    details: problem?.details ?? messageOf(error).split("\n").slice(1),
    left: "What was finished is recorded.",
    todo: [
      ...(problem?.todo ?? []),
      `npx phasewise restore ${stack} --resume   goes on, once the cause is gone`,
      ...back,
    ],
    exitCode: problem?.exitCode ?? 1,
    cause: error,
  });
}

function cutOff(stack: string): Problem {
  return new Problem({
    happened: "Interrupted.",
    left: "The step at work was finished and recorded; no other was begun.",
    todo: [
      `npx phasewise restore ${stack} --resume   goes on`,
      `npx phasewise restore ${stack} --abort    goes back to the old data, where it was kept`,
    ],
    exitCode: 130,
  });
}

function changedMeanwhile(stack: string): Problem {
  return new Problem({
    happened: `Somebody else has worked on ${stack} meanwhile.`,
    left: "This command changed nothing.",
    todo: [`Run it again: npx phasewise restore ${stack} --help says how.`],
  });
}

function stillUnderWay(stack: string): Problem {
  return new Problem({
    happened: `An operation on ${stack} is under way that may need the old data.`,
    left: "Nothing was removed.",
    todo: [`npx phasewise restore ${stack} --resume, or --abort, where it is a restore`],
    exitCode: 2,
  });
}
