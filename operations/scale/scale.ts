import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { visitorOf } from "../../clients/ssh/visitor.ts";
import { changeFaults, type Deployed } from "../../infra/changes.ts";
import { type Sizes, withSizes } from "../../infra/phases/scaling.ts";
import type { Topology } from "../../infra/topology.ts";
import { dataFolder } from "../../toolchain/paths.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import { Canary } from "../canary/canary.ts";
import type { OperationContext } from "../context.ts";
import { askPrices } from "../cost/prices.ts";
import { faultProblem } from "../deploy/faults.ts";
import { type Prepared, prepare } from "../deploy/prepare.ts";
import { sizesInText } from "../deploy/sizeSettings.ts";
import { parseStackFile } from "../deploy/stackFile.ts";
import { lockStack } from "../deploy/stackLock.ts";
import { stackOutputs } from "../deploy/state.ts";
import { validate } from "../deploy/validate.ts";
import { keepReport } from "../keepReport.ts";
import { Machines } from "../machines.ts";
import { leaderOf } from "../membership/postgres.ts";
import { withSteps } from "../promote/report.ts";
import { Announced } from "../rollout/announced.ts";
import { readTopology } from "../topology.ts";
import { listPending } from "../verify/checks/pendingRestarts.ts";
import { openWorld } from "../verify/world.ts";
import { verifyDeployed } from "../verifyStack.ts";
import type { Journal } from "../workflow/journal.ts";
import { placeName } from "../workflow/place.ts";
import { runWorkflow } from "../workflow/run.ts";
import { stackStore } from "../workflow/stackStore.ts";
import type { HeldStore } from "../workflow/store.ts";
import { refuseOther } from "../workflow/underWay.ts";
import {
  requestOf,
  type ScalePlan,
  type ScaleRequest,
  scaleFaults,
  scalePlan,
  scaleRequest,
  stepsOf,
} from "./plan.ts";
import type { ScaleReport } from "./report.ts";
import { ScaleWorld } from "./world.ts";

export interface ScaleOptions {
  /** What is to change. */
  changed: Partial<Sizes>;
  resume?: boolean | undefined;
  drainSeconds: number;
  maxStallMs: number;
  /** Asked with the plan before anything is changed. */
  confirm?(plan: ScalePlan): Promise<boolean>;
}

interface Task {
  journal: Journal;
  isNew: boolean;
  request: ScaleRequest;
  plan: ScalePlan;
  prepared: Prepared;
  topology: Topology;
}

/** The canary's connections live so long, as those of a pool do (milliseconds). */
const LIFETIME = 20_000;
/** In phase 1 the only etcd is on the machine that is turned off (milliseconds). */
const OUTAGE = 900_000;

/** What a change of size would do. Nothing is changed. */
export async function planScale(
  stack: string,
  options: ScaleOptions,
  ctx: OperationContext,
): Promise<ScalePlan> {
  await using _lock = await lockStack(stack, "scale");
  return (await look(stack, options, ctx)).plan;
}

/** Changes a stack's size while its clients go on. */
export async function scale(
  stack: string,
  options: ScaleOptions,
  ctx: OperationContext,
): Promise<{ report: ScaleReport; file: string }> {
  await using _lock = await lockStack(stack, "scale");
  const task = await look(stack, options, ctx);
  if (options.confirm && !(await options.confirm(task.plan))) {
    throw new Problem({ happened: "Not confirmed.", left: "Nothing was changed.", exitCode: 130 });
  }
  await using machines = new Machines(task.topology, ctx);
  const store = stackStore(machines, ctx, await placeName(stack), { outageMs: OUTAGE });
  await using held = await store.lock(`scale ${stack} (${visitorOf().from})`);
  const now = await store.read();
  if (now !== null && (task.isNew || now.id !== task.journal.id))
    throw refused(`Somebody else has worked on ${stack} meanwhile.`, [
      `npx phasewise scale ${stack} --resume`,
    ]);
  return await watched(task, options, held, ctx);
}

async function look(stack: string, options: ScaleOptions, ctx: OperationContext): Promise<Task> {
  const prepared = await prepare(stack, ctx);
  const topology = await readTopology(prepared.deployment, ctx);
  await using machines = new Machines(topology, ctx);
  const journal = await stackStore(machines, ctx).read();
  refuseOther(stack, "scale", journal);
  const { embedded } = prepared.deployment.file;
  const { prices } = await askPrices(prepared.access, embedded ? "embedded" : "hetzner");
  if (options.resume) {
    if (journal === null)
      throw refused(`No scaling of ${stack} is under way.`, [`npx phasewise scale ${stack} --help`]);
    const request = scaleRequest.parse(journal.request);
    const config = withSizes(prepared.config, request.from);
    const plan = scalePlan(topology, config, request, prices);
    return { journal, isNew: false, request, plan, prepared: { ...prepared, config }, topology };
  }
  if (journal)
    throw refused(`A scaling of ${stack} is under way.`, [`npx phasewise scale ${stack} --resume`]);
  await judge(stack, options.changed, prepared);
  const leaders = await Promise.all(topology.clusters.map((cluster) => leaderOf(machines, cluster)));
  const request = requestOf(
    topology,
    prepared.config,
    options.changed,
    leaders.flatMap((one) => one?.name ?? []),
  );
  const plan = scalePlan(topology, prepared.config, request, prices);
  await refuseUnhealthy(topology, prepared, ctx);
  return { journal: begin(request), isNew: true, request, plan, prepared, topology };
}

/** @throws Problem (exit 2) with everything that cannot be. */
async function judge(
  stack: string,
  changed: Partial<Sizes>,
  { config, deployment, state }: Prepared,
): Promise<void> {
  if (Object.keys(changed).length === 0) {
    throw refused("Nothing was asked for.", [
      `npx phasewise scale ${stack} --replicas 2`,
      `npx phasewise scale ${stack} --volume 40`,
    ]);
  }
  const { path } = deployment.file;
  const wanted = validate(parseStackFile(stack, path, sizesInText(await readFile(path, "utf8"), changed)));
  const deployed = state && (stackOutputs(state)?.deployed as Deployed | undefined);
  if (!deployed) throw refused(`${stack} is not up.`, [`npx phasewise up ${stack}`]);
  const { endpoint, name } = deployed.bucket;
  const same = { ...wanted, objectStorage: { ...wanted.objectStorage, endpoint, bucket: name } };
  const faults = [...changeFaults(deployed, same), ...scaleFaults(config, changed)];
  if (faults.length > 0) throw faultProblem(stack, faults);
}

async function refuseUnhealthy(
  topology: Topology,
  { deployment }: Prepared,
  ctx: OperationContext,
): Promise<void> {
  ctx.onLine("looking whether anything stands in the way ...");
  const failed = (await verifyDeployed(topology, deployment, ctx)).checks.filter((check) => !check.ok);
  if (failed.length === 0) return;
  throw new Problem({
    happened: `${topology.stack} is not as it should be: its size cannot be changed now.`,
    details: failed.map(({ detail, name }) => `${name}: ${detail}`),
    left: "Nothing was changed.",
    todo: failed.flatMap(({ fix }) => fix ?? []),
  });
}

function begin(request: ScaleRequest): Journal {
  const now = new Date().toISOString();
  return {
    version: 1,
    id: `${now.replace(/[:.]/g, "-")}-${randomUUID().slice(0, 8)}`,
    kind: "scale",
    request,
    startedAt: now,
    startedBy: visitorOf().from,
    direction: "forward",
    done: [],
    begun: null,
    seconds: {},
  };
}

/** Runs the workflow with the canary at its side, and reports. */
async function watched(
  task: Task,
  { drainSeconds, maxStallMs }: ScaleOptions,
  held: HeldStore,
  ctx: OperationContext,
): Promise<{ report: ScaleReport; file: string }> {
  const { journal: begun, plan, prepared, request, topology } = task;
  const { stack } = plan;
  const start = Date.now();
  const folder = join(dataFolder(), "canary", stack, begun.id);
  const canary = await Canary.start(topology, { run: begun.id, folder, lifetimeMs: LIFETIME });
  const { changed, to } = request;
  const maxStallSeconds = maxStallMs / 1000;
  await using world = new ScaleWorld(
    { prepared, topology, to, changed, drainSeconds, maxStallSeconds, canary },
    ctx,
  );
  const announced = new Announced(plan.notices, async () => (await canary.check()).errors);
  const marks: { name: string; at: Date }[] = [];
  const { end, journal } = await runWorkflow({
    steps: announced.around(stepsOf(prepared.config, request)),
    journal: begun,
    world,
    store: held,
    hooks: {
      signal: ctx.signal,
      onStep: ({ name, title }, _, { at, of }) => {
        marks.push({ name, at: new Date() });
        ctx.onLine(`[${at}/${of}] ${title}`);
      },
      onAgain: ctx.onLine,
      onDone: ({ name }, seconds, skipped) =>
        ctx.onLine(`  ${name}: ${skipped ? "nothing to do" : "done"} (${seconds} s)`),
    },
  }).catch(async (error) => {
    await canary.finish().catch(() => {});
    throw told(error, stack);
  });
  if (end !== "done") throw told(new Problem({ happened: "Interrupted.", exitCode: 130 }), stack);
  await using asked = openWorld(world.topology, prepared.access, ctx);
  const report: ScaleReport = {
    id: journal.id,
    stack,
    from: request.from,
    to,
    seconds: Math.round((Date.now() - start) / 100) / 10,
    steps: Object.entries(journal.seconds).map(([name, seconds]) => ({ name, seconds })),
    price: plan.price,
    notices: plan.notices,
    canary: { ...withSteps(await canary.finish(), marks), announcedErrors: announced.errors },
    pending: await listPending(asked),
  };
  const file = await keepReport("scale", report, world.topology, ctx);
  if (report.canary.missing === 0) await canary.clear();
  return { report, file };
}

function told(error: unknown, stack: string): Problem {
  const problem = error instanceof Problem ? error : null;
  return new Problem({
    happened: problem?.happened ?? messageOf(error).split("\n")[0]!,
    details: problem?.details ?? messageOf(error).split("\n").slice(1),
    left: "What was finished is recorded; clients go on.",
    todo: [...(problem?.todo ?? []), `npx phasewise scale ${stack} --resume   goes on`],
    exitCode: problem?.exitCode ?? 1,
    cause: error,
  });
}

function refused(happened: string, todo: string[]): Problem {
  return new Problem({ happened, left: "Nothing was changed.", todo, exitCode: 2 });
}
