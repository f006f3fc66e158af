import { join } from "node:path";
import { listAll } from "../../clients/hetzner.ts";
import { visitorOf } from "../../clients/ssh/visitor.ts";
import type { Deployed } from "../../infra/changes.ts";
import { phases } from "../../infra/phases/available.ts";
import type { Topology } from "../../infra/topology.ts";
import { dataFolder } from "../../toolchain/paths.ts";
import { Problem } from "../../toolchain/problem.ts";
import { Canary } from "../canary/canary.ts";
import type { OperationContext } from "../context.ts";
import { askPrices } from "../cost/prices.ts";
import { type Prepared, prepare } from "../deploy/prepare.ts";
import { lockStack } from "../deploy/stackLock.ts";
import { stackOutputs } from "../deploy/state.ts";
import { Machines } from "../machines.ts";
import { readTopology } from "../topology.ts";
import { listPending } from "../verify/checks/pendingRestarts.ts";
import { openWorld } from "../verify/world.ts";
import { verifyDeployed } from "../verifyStack.ts";
import type { Journal } from "../workflow/journal.ts";
import { placeName } from "../workflow/place.ts";
import { type RunEnd, runWorkflow, turnedBack } from "../workflow/run.ts";
import { stackStore } from "../workflow/stackStore.ts";
import type { HeldStore, WorkflowStore } from "../workflow/store.ts";
import { refuseOther } from "../workflow/underWay.ts";
import { interruption, told } from "./failure.ts";
import { type PromotionPlan, promotionPlan } from "./plan.ts";
import { gather, refusals } from "./preflight.ts";
import { keepRecord } from "./record.ts";
import { type PromotionReport, withSteps } from "./report.ts";
import { StackWorld } from "./stackWorld.ts";
import { promotionSteps } from "./steps/all.ts";
import { type Asked, type Task, taskOf } from "./task.ts";

export interface PromoteOptions extends Asked {
  /** Stop before this step, with everything recorded. */
  pauseBefore?: string | undefined;
  /** How long clients may be held before the point of no return, in milliseconds. */
  maxStallMs: number;
  /** Asked with the plan before anything is changed. */
  confirm?(plan: PromotionPlan): Promise<boolean>;
}

/** Everything that a run works with. */
interface Run {
  task: Task;
  plan: PromotionPlan;
  prepared: Prepared;
  topology: Topology;
  options: PromoteOptions;
}

/** What a promotion would do; refuses what `promote` would refuse. Nothing is changed. */
export async function planPromotion(
  stack: string,
  options: PromoteOptions,
  ctx: OperationContext,
): Promise<PromotionPlan> {
  await using _lock = await lockStack(stack, "promote");
  return (await look(stack, options, ctx)).plan;
}

/** Brings a stack to another phase, goes on with what was cut off, or takes it back. */
export async function promote(
  stack: string,
  options: PromoteOptions,
  ctx: OperationContext,
): Promise<{ report: PromotionReport; file: string }> {
  await using _lock = await lockStack(stack, "promote");
  const run = await look(stack, options, ctx);
  if (options.confirm && !(await options.confirm(run.plan))) {
    throw new Problem({ happened: "Not confirmed.", left: "Nothing was changed.", exitCode: 130 });
  }
  // What an interrupt stops is the work: the journal is still written, and the lock given back.
  await using machines = new Machines(run.topology, { ...ctx, signal: new AbortController().signal });
  const store = stackStore(machines, ctx, await placeName(stack));
  await using held = await store.lock(`promote ${stack} (${visitorOf().from})`);
  // Another operator may have gone on with it, or begun one, before the lock was ours.
  const now = await store.read();
  if (now !== null && (run.task.isNew || now.id !== run.task.journal.id)) throw changedMeanwhile(stack);
  return await watched(run, { store, held }, ctx);
}

async function look(stack: string, options: PromoteOptions, ctx: OperationContext): Promise<Run> {
  const prepared = await prepare(stack, ctx);
  const deployed = deployedOf(prepared);
  const topology = await readTopology(prepared.deployment, ctx);
  await using machines = new Machines(topology, ctx);
  const journal = await stackStore(machines, ctx).read();
  refuseOther(stack, "promote", journal);
  const task = turned(
    stack,
    taskOf({ stack, asked: options, deployed, journal, by: visitorOf().from, now: new Date() }),
    options,
    prepared,
  );
  refuseStaleFile(stack, task, prepared);
  const { embedded } = prepared.deployment.file;
  const { prices } = await askPrices(prepared.access, embedded ? "embedded" : "hetzner");
  const plan = promotionPlan({ stack, config: prepared.config, from: task.from, to: task.to, prices });
  knownStep(options.pauseBefore, plan);
  if (task.isNew) await preflight({ task, plan, prepared, topology, options }, machines, ctx);
  return { task, plan, prepared, topology, options };
}

/** @throws Problem (exit 2) where it is too late for --abort. */
function turned(stack: string, task: Task, { abort }: PromoteOptions, { config }: Prepared): Task {
  if (!abort) return { ...task, journal: { ...task.journal, direction: "forward" } };
  const steps = promotionSteps(phases[task.from](config), phases[task.to](config));
  const back = turnedBack(task.journal, steps);
  if (back) return { ...task, journal: back };
  throw new Problem({
    happened: `It is too late to take the promotion back: ${task.journal.begun ?? task.journal.done.at(-1)} has begun, and what it deletes is gone.`,
    left: "Nothing was changed.",
    todo: [
      `npx phasewise promote ${stack} --resume   brings it to its end`,
      `npx phasewise promote ${stack} --to ${task.from}   leads back afterwards`,
    ],
    exitCode: 2,
  });
}

/**
 * Another checkout's file does not know of a promotion that was made from here, and would lead the stack back.
 * @throws Problem (exit 2).
 */
function refuseStaleFile(stack: string, { from, journal, to }: Task, { config }: Prepared): void {
  const recorded = journal.begun === "record" || journal.done.includes("record");
  if (config.phase === from || (config.phase === to && recorded)) return;
  throw new Problem({
    happened: `stacks/Pulumi.${stack}.yaml says phase ${config.phase}, but the stack is in phase ${from}: the file is not the one that was promoted last.`,
    left: "Nothing was changed.",
    todo: [
      `Take the file as it was left (git pull), or set phasewise:phase to ${from}; then run this again.`,
    ],
    exitCode: 2,
  });
}

function knownStep(name: string | undefined, { steps }: PromotionPlan): void {
  if (name === undefined || steps.some((step) => step.name === name)) return;
  throw new Problem({
    happened: `This promotion has no step "${name}".`,
    left: "Nothing was changed.",
    todo: [`Give one of: ${steps.map((step) => step.name).join(", ")}`],
    exitCode: 2,
  });
}

/** @throws Problem with every reason why it must not begin. */
async function preflight(run: Run, machines: Machines, ctx: OperationContext): Promise<void> {
  const { prepared, task, topology } = run;
  ctx.onLine("looking whether anything stands in the way ...");
  const report = await verifyDeployed(topology, prepared.deployment, ctx);
  await using world = openWorld(topology, { unavailable: "restarts are asked for, not the cloud" }, ctx);
  const [servers, pending] = await Promise.all([listAll(prepared.access, "servers"), listPending(world)]);
  const facts = await gather(machines, topology.clusters[0]!, {
    failed: report.checks.filter((check) => !check.ok),
    pending: pending.map(({ machine, reason, what }) => `${what} on ${machine} (${reason})`),
    servers: {
      there: servers.length,
      coming: run.plan.difference.machines.added.length,
      limit: prepared.config.limits.servers ?? null,
    },
    volumeBytes: prepared.config.volume.sizeGb * 1024 ** 3,
  });
  const reasons = refusals(facts, new Date());
  if (reasons.length === 0) return;
  throw new Problem({
    happened: `${topology.stack} is not ready to go from phase ${task.from} to phase ${task.to}:`,
    details: reasons,
    left: "Nothing was changed.",
    todo: ["Put these right, then run it again."],
  });
}

/** Runs the workflow with the canary at its side, and reports; keeps a record of it, however it ends. */
async function watched(
  run: Run,
  { held, store }: { held: HeldStore; store: WorkflowStore },
  ctx: OperationContext,
): Promise<{ report: PromotionReport; file: string }> {
  const { options, plan, prepared, task, topology } = run;
  const begin = new Date();
  const folder = join(dataFolder(), "canary", plan.stack, task.journal.id);
  const canary = await Canary.start(topology, { run: task.journal.id, folder });
  await using world = new StackWorld(
    { prepared, topology, from: task.from, to: task.to, maxStallSeconds: options.maxStallMs / 1000, canary },
    ctx,
  );
  const begun: { name: string; at: Date }[] = [];
  const record = (journal: Journal) => ({
    id: journal.id,
    stack: plan.stack,
    from: task.from,
    to: task.to,
    at: begin.toISOString(),
    by: visitorOf().from,
    seconds: Math.round((Date.now() - begin.getTime()) / 100) / 10,
    steps: Object.entries(journal.seconds).map(([name, seconds]) => ({ name, seconds })),
    price: plan.price,
    cutovers: world.cutovers,
  });
  try {
    const { end, journal } = await runSteps(run, { world, held, begun }, ctx);
    const outcome = outcomeOf(end);
    const judged = withSteps(await canary.finish(), begun);
    const report = { ...record(journal), outcome, canary: judged };
    const file = await keepRecord({ ...report, problem: null }, world.machines.topology, ctx);
    if (outcome !== "paused" && judged.missing === 0) await canary.clear();
    return { report, file };
  } catch (error) {
    const judged = await canary.finish().then(
      (report) => withSteps(report, begun),
      () => null,
    );
    const journal = (await store.read().catch(() => null)) ?? task.journal;
    const problem = told(ctx.signal.aborted ? interruption(error) : error, {
      plan,
      journal,
      canary: judged,
    });
    const outcome = problem.exitCode === 130 ? "interrupted" : "failed";
    const kept = { ...record(journal), outcome, problem: problem.happened, canary: judged } as const;
    await keepRecord(kept, world.machines.topology, ctx);
    throw problem;
  }
}

function runSteps(
  run: Run,
  { begun, held, world }: { world: StackWorld; held: HeldStore; begun: { name: string; at: Date }[] },
  ctx: OperationContext,
) {
  const { config } = run.prepared;
  const { from, journal, to } = run.task;
  return runWorkflow({
    steps: promotionSteps(phases[from](config), phases[to](config)),
    journal,
    world,
    store: held,
    hooks: {
      signal: ctx.signal,
      stopBefore: (name) => name === run.options.pauseBefore,
      onStep: ({ name, title }, doing, { at, of }) => {
        begun.push({ name, at: new Date() });
        ctx.onLine(`[${at}/${of}] ${doing === "undo" ? "take back: " : ""}${title}`);
      },
      onAgain: ctx.onLine,
      onDone: ({ name }, seconds, skipped) =>
        ctx.onLine(`  ${name}: ${skipped ? "nothing to do" : "done"} (${seconds} s)`),
    },
  });
}

function outcomeOf(end: RunEnd): PromotionReport["outcome"] {
  if (end === "done" || end === "undone") return end;
  if (end !== "interrupted") return "paused";
  throw new Problem({
    happened: "Interrupted.",
    left: "The step at work was finished and recorded; no other was begun.",
    exitCode: 130,
  });
}

function changedMeanwhile(stack: string): Problem {
  return new Problem({
    happened: `Somebody else has worked on the promotion of ${stack} meanwhile.`,
    left: "This command changed nothing.",
    todo: [`Run it again: npx phasewise promote ${stack} --help says how.`],
  });
}

/** @throws Problem where the stack was never brought up. */
function deployedOf({ deployment, state }: Prepared): Deployed {
  const deployed = state && (stackOutputs(state)?.deployed as Deployed | undefined);
  if (deployed) return deployed;
  const { stack } = deployment.file;
  throw new Problem({
    happened: `${stack} is not up: there is nothing to promote.`,
    left: "Nothing was changed.",
    todo: [`npx phasewise up ${stack}`],
    exitCode: 2,
  });
}
