import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import type { HetznerAccess } from "../../clients/hetzner.ts";
import { stackLabels } from "../../components/labels.ts";
import type { Config } from "../../infra/config.ts";
import type { Origin } from "../../infra/origin.ts";
import type { Scaling } from "../../infra/phases/scaling.ts";
import type { Stage } from "../../infra/phases/stage.ts";
import type { OperationContext } from "../context.ts";
import { productionAccess } from "./access.ts";
import { adopt } from "./adopt/adopt.ts";
import { takingOver } from "./adopt/takeOver.ts";
import { ensureCloud } from "./cloud.ts";
import { ensurePassphrase, writeWorkingCopy } from "./embedded.ts";
import { type RunOptions, type RunReport, runCommand } from "./run.ts";
import { readStackFile } from "./stackFile.ts";
import type { State } from "./state.ts";
import { isUnfinished } from "./unfinished.ts";
import { validate } from "./validate.ts";
import { type Deployment, ensureStack, openDeployment, readState } from "./workspace.ts";

/** A stack whose settings are right and whose cloud is reachable. */
export interface Prepared {
  deployment: Deployment;
  config: Config;
  /** Null where the stack was never brought up. */
  state: State | null;
  access: HetznerAccess;
  /** What is declared. */
  program: PulumiFn;
}

/**
 * Everything that comes before a stack may be touched: its file judged, the toolchain there, the embedded cloud
 * running (for embedded stacks), the state read. Changes nothing of the stack itself.
 */
export async function prepare(stack: string, ctx: OperationContext): Promise<Prepared> {
  const file = await readStackFile(stack);
  const config = validate(file);
  const [deployment, cloud] = await both(openDeployment(file, ctx), file.embedded ? ensureCloud(ctx) : null);
  if (cloud) {
    await ensurePassphrase();
    await writeWorkingCopy(deployment, cloud);
  } else {
    await ensureStack(deployment);
  }
  const [state, access] = await Promise.all([readState(deployment), cloud ?? productionAccess(deployment)]);
  const { endpoint, token } = access;
  return { deployment, config, state, access: { endpoint, token }, program: programAt() };
}

/** The same stack as a promotion, or a change of its size, wants it for the moment. */
export async function staged(
  prepared: Prepared,
  stage: Stage | undefined,
  scaling?: Scaling,
): Promise<Prepared> {
  return { ...prepared, state: await readState(prepared.deployment), program: programAt(stage, scaling) };
}

/** Like Promise.all, but the second failure is waited for: nothing goes on behind a message. */
async function both<A, B>(first: Promise<A>, second: Promise<B> | null): Promise<[A, B | null]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === "rejected") throw a.reason;
  if (b.status === "rejected") throw b.reason;
  return [a.value, b.value];
}

/** Which objects of the cloud belong to a stack. */
export function labelSelector(stack: string): string {
  return Object.entries(stackLabels(stack))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

/**
 * The same stack while its first data comes from another one's backups; null once it is there. Its file, which still
 * names the other one, does not keep it from being brought up.
 */
export function withOrigin(prepared: Prepared, origin: Origin | null): Prepared {
  const config = { ...prepared.config, origin: undefined };
  return { ...prepared, config, program: programAt(undefined, undefined, origin) };
}

/** The infrastructure as a program; loaded only when it is run. */
function programAt(stage?: Stage, scaling?: Scaling, origin?: Origin | null): PulumiFn {
  return async () => {
    const { program } = await import("../../infra/program.ts");
    return program(stage, scaling, origin);
  };
}

export function preview(
  prepared: Prepared,
  ctx: OperationContext,
  options: Pick<RunOptions, "quiet" | "refresh"> = {},
): Promise<RunReport> {
  return runCommand(prepared.deployment, "preview", prepared.program, ctx, options);
}

/** Takes over what a killed update left, then reads the state again. */
export async function reconcile(
  prepared: Prepared,
  command: "up" | "destroy",
  ctx: OperationContext,
): Promise<Prepared> {
  const { deployment, access } = prepared;
  const changed = await adopt(
    {
      deployment,
      access,
      state: prepared.state ?? { resources: [], pending: [] },
      labelSelector: labelSelector(deployment.file.stack),
      unfinished: isUnfinished(deployment),
      turnOn: command === "up",
      preview: () => preview(prepared, ctx, { quiet: true }),
      takeOver: (found, targets) =>
        runCommand(deployment, "up", takingOver(prepared.program, found), ctx, { quiet: true, targets }),
    },
    ctx,
  );
  return changed ? { ...prepared, state: await readState(deployment) } : prepared;
}
