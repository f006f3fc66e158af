import { join } from "node:path";
import { visitorOf } from "../../clients/ssh/visitor.ts";
import { dataFolder } from "../../toolchain/paths.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import { Canary } from "../canary/canary.ts";
import type { OperationContext } from "../context.ts";
import { lockStack } from "../deploy/stackLock.ts";
import { keepReport } from "../keepReport.ts";
import { Machines } from "../machines.ts";
import { withSteps } from "../promote/report.ts";
import { listPending } from "../verify/checks/pendingRestarts.ts";
import { openWorld } from "../verify/world.ts";
import { placeName } from "../workflow/place.ts";
import { type RunEnd, runWorkflow } from "../workflow/run.ts";
import { stackStore } from "../workflow/stackStore.ts";
import type { HeldStore } from "../workflow/store.ts";
import { Announced } from "./announced.ts";
import { type LookOptions, look, type Task } from "./look.ts";
import { type RolloutPlan, stepsOf } from "./plan.ts";
import { machinesOf, type RolloutReport } from "./report.ts";
import { StackRolloutWorld } from "./stackWorld.ts";
import { requestOf } from "./task.ts";

export { isUnhurt } from "./clients.ts";

export interface RolloutOptions extends LookOptions {
  /** How long clients may be held while a primary moves, in milliseconds. */
  maxStallMs: number;
  /** Stop before this step, with everything recorded. */
  pauseBefore?: string | undefined;
  /** Asked with the plan before anything is changed. */
  confirm?(plan: RolloutPlan): Promise<boolean>;
}

/** How long no etcd may answer: in phase 1 the only one is on the machine that reboots (milliseconds). */
const OUTAGE = 600_000;
/** The canary's connections live so long, as those of a pool do (milliseconds). */
const LIFETIME = 20_000;

/** What a rollout would do. Nothing is changed. */
export async function planRollout(
  stack: string,
  options: LookOptions,
  ctx: OperationContext,
): Promise<RolloutPlan> {
  await using _lock = await lockStack(stack, "rollout");
  return (await look(stack, options, ctx)).plan;
}

/** Does the planned work that waits, one machine after the other, each primary last. */
export async function rollout(
  stack: string,
  options: RolloutOptions,
  ctx: OperationContext,
): Promise<{ report: RolloutReport; file: string | null }> {
  await using _lock = await lockStack(stack, "rollout");
  const task = await look(stack, options, ctx);
  if (task.plan.machines.length === 0) return { report: nothing(task), file: null };
  if (options.confirm && !(await options.confirm(task.plan))) {
    throw new Problem({ happened: "Not confirmed.", left: "Nothing was changed.", exitCode: 130 });
  }
  await using machines = new Machines(task.topology, ctx);
  const store = stackStore(machines, ctx, await placeName(stack), { outageMs: OUTAGE });
  await using held = await store.lock(`rollout ${stack} (${visitorOf().from})`);
  const now = await store.read();
  if (now !== null && (task.isNew || now.id !== task.journal.id)) throw changedMeanwhile(stack);
  return await watched(task, options, { held, machines }, ctx);
}

/** Runs the workflow with the canary at its side, and reports. */
async function watched(
  task: Task,
  options: RolloutOptions,
  { held, machines }: { held: HeldStore; machines: Machines },
  ctx: OperationContext,
): Promise<{ report: RolloutReport; file: string }> {
  const { journal: begun, plan, prepared, topology } = task;
  const { stack } = plan;
  const begin = Date.now();
  const folder = join(dataFolder(), "canary", stack, begun.id);
  const canary = await Canary.start(topology, { run: begun.id, folder, lifetimeMs: LIFETIME });
  const { drainSeconds } = requestOf(begun);
  const world = new StackRolloutWorld(
    machines,
    { access: prepared.access, drainSeconds, maxStallSeconds: options.maxStallMs / 1000 },
    ctx,
  );
  const announced = new Announced(plan.machines, async () => (await canary.check()).errors);
  const marks: { name: string; at: Date }[] = [];
  const { end, journal } = await runWorkflow({
    steps: announced.around(stepsOf(topology, requestOf(begun).work)),
    journal: begun,
    world,
    store: held,
    hooks: {
      signal: ctx.signal,
      stopBefore: (name) => name === options.pauseBefore,
      onStep: ({ name, title }, doing, { at, of }) => {
        marks.push({ name, at: new Date() });
        ctx.onLine(`[${at}/${of}] ${doing === "undo" ? "give up: " : ""}${title}`);
      },
      onAgain: ctx.onLine,
      onDone: ({ name }, seconds, skipped) =>
        ctx.onLine(`  ${name}: ${skipped ? "nothing to do" : "done"} (${seconds} s)`),
    },
  }).catch(async (error) => {
    await canary.finish().catch(() => {});
    throw told(error, stack);
  });
  const outcome = outcomeOf(end, stack);
  const report: RolloutReport = {
    id: journal.id,
    stack,
    outcome,
    seconds: Math.round((Date.now() - begin) / 100) / 10,
    machines: machinesOf(plan.machines),
    steps: Object.entries(journal.seconds).map(([name, seconds]) => ({ name, seconds })),
    cutovers: world.cutovers,
    canary: { ...withSteps(await canary.finish(), marks), announcedErrors: announced.errors },
    pending: await pendingNow(task, ctx),
  };
  const file = await keepReport("rollout", report, topology, ctx);
  if (outcome !== "paused" && report.canary?.missing === 0) await canary.clear();
  return { report, file };
}

async function pendingNow(
  { prepared, topology }: Task,
  ctx: OperationContext,
): Promise<RolloutReport["pending"]> {
  await using world = openWorld(topology, prepared.access, ctx);
  return await listPending(world);
}

function nothing({ journal, plan }: Task): RolloutReport {
  return {
    id: journal.id,
    stack: plan.stack,
    outcome: "nothing",
    seconds: 0,
    machines: [],
    steps: [],
    cutovers: [],
    canary: null,
    pending: [],
  };
}

function outcomeOf(end: RunEnd, stack: string): RolloutReport["outcome"] {
  if (end === "done") return "done";
  if (end === "undone") return "given up";
  if (end !== "interrupted") return "paused";
  throw new Problem({
    happened: "Interrupted.",
    left: "The step at work was finished and recorded; no other was begun.",
    todo: goOn(stack),
    exitCode: 130,
  });
}

function goOn(stack: string): string[] {
  return [
    `npx phasewise rollout ${stack} --resume   goes on`,
    `npx phasewise rollout ${stack} --abort    gives it up; what was done stays`,
  ];
}

function told(error: unknown, stack: string): Problem {
  const problem = error instanceof Problem ? error : null;
  return new Problem({
    happened: problem?.happened ?? messageOf(error).split("\n")[0]!,
    details: problem?.details ?? messageOf(error).split("\n").slice(1),
    left: "No other machine is touched; what was finished is recorded.",
    todo: [...(problem?.todo ?? []), ...goOn(stack)],
    exitCode: problem?.exitCode ?? 1,
    cause: error,
  });
}

function changedMeanwhile(stack: string): Problem {
  return new Problem({
    happened: `Somebody else has worked on ${stack} meanwhile.`,
    left: "This command changed nothing.",
    todo: [`Run it again: npx phasewise rollout ${stack}`],
  });
}
