import { visitorOf } from "../../clients/ssh/visitor.ts";
import type { Deployed } from "../../infra/changes.ts";
import type { Topology } from "../../infra/topology.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { type Prepared, prepare } from "../deploy/prepare.ts";
import { stackOutputs } from "../deploy/state.ts";
import { Machines } from "../machines.ts";
import { leaderOf } from "../membership/postgres.ts";
import { readTopology } from "../topology.ts";
import { listPending } from "../verify/checks/pendingRestarts.ts";
import { openWorld } from "../verify/world.ts";
import { verifyDeployed } from "../verifyStack.ts";
import type { Journal } from "../workflow/journal.ts";
import { stackStore } from "../workflow/stackStore.ts";
import { type RolloutPlan, rolloutPlan } from "./plan.ts";
import { parseSurvey, surveyCommand, type Wanted, withoutIdle, workOf } from "./survey.ts";
import { type Asked, begin, continued, requestOf } from "./task.ts";
import type { MachineWork } from "./work.ts";

export interface LookOptions extends Asked, Wanted {
  drainSeconds: number;
}

/** What a run of `rollout` has to do. */
export interface Task {
  journal: Journal;
  isNew: boolean;
  plan: RolloutPlan;
  prepared: Prepared;
  topology: Topology;
}

/** Looks at everything, changes nothing. @throws Problem where it must not begin. */
export async function look(stack: string, options: LookOptions, ctx: OperationContext): Promise<Task> {
  const prepared = await prepare(stack, ctx);
  refuseBetweenPhases(stack, prepared);
  const topology = await readTopology(prepared.deployment, ctx);
  await using machines = new Machines(topology, ctx);
  const known = continued(stack, options, await stackStore(machines, ctx).read());
  if (known) {
    const { work } = requestOf(known);
    return {
      journal: known,
      isNew: false,
      plan: rolloutPlan(topology, work, lastOf(work)),
      prepared,
      topology,
    };
  }
  ctx.onLine("looking at every machine, and whether anything stands in the way ...");
  const work = await survey(topology, machines, options, ctx);
  const leaders = await Promise.all(topology.clusters.map((cluster) => leaderOf(machines, cluster)));
  const plan = rolloutPlan(
    topology,
    work,
    leaders.flatMap((leader) => leader?.name ?? []),
  );
  if (work.length > 0) await refuseUnhealthy(topology, prepared, ctx);
  const ordered = plan.machines.map(({ notice: _, ...one }) => one);
  const journal = begin(ordered, options.drainSeconds, visitorOf().from, new Date());
  return { journal, isNew: true, plan, prepared, topology };
}

/** The order of a journal is kept, wherever the primary is by now. */
function lastOf(work: MachineWork[]): string[] {
  return work.slice(-1).map(({ machine }) => machine);
}

async function survey(
  topology: Topology,
  machines: Machines,
  wanted: Wanted,
  ctx: OperationContext,
): Promise<MachineWork[]> {
  await using world = openWorld(topology, { unavailable: "restarts are asked for, not the cloud" }, ctx);
  const [pending, surveys] = await Promise.all([
    listPending(world),
    Promise.all(
      topology.machines.map(async (machine) =>
        parseSurvey(machine.name, await machines.run(machine, surveyCommand(wanted))),
      ),
    ),
  ]);
  const stale = surveys.filter((one) => one.stale).map(({ machine }) => machine);
  if (stale.length > 0) {
    ctx.onLine(
      `warning: no package lists could be fetched on ${stale.join(", ")}: new versions may be missing`,
    );
  }
  return withoutIdle(surveys.map(({ stale: _, ...one }) => workOf(one, pending, wanted)));
}

function refuseBetweenPhases(stack: string, { state }: Prepared): void {
  const deployed = state && (stackOutputs(state)?.deployed as Deployed | undefined);
  if (!deployed?.transition) return;
  const { from, to } = deployed.transition;
  throw new Problem({
    happened: `A promotion of ${stack} from phase ${from} to phase ${to} is under way.`,
    left: "Nothing was changed.",
    todo: [`npx phasewise promote ${stack} --resume, or --abort`],
    exitCode: 2,
  });
}

async function refuseUnhealthy(
  topology: Topology,
  { deployment }: Prepared,
  ctx: OperationContext,
): Promise<void> {
  const report = await verifyDeployed(topology, deployment, ctx);
  const failed = report.checks.filter((check) => !check.ok);
  if (failed.length === 0) return;
  throw new Problem({
    happened: `${topology.stack} is not as it should be: no machine of it may be missing now.`,
    details: failed.map(({ detail, name }) => `${name}: ${detail}`),
    left: "Nothing was changed.",
    todo: [...failed.flatMap(({ fix }) => fix ?? []), "Then run it again."],
  });
}
