import type { HetznerAccess } from "../clients/hetzner.ts";
import { cloudStatus } from "../cloud/lifecycle.ts";
import type { Topology } from "../infra/topology.ts";
import { messageOf } from "../toolchain/problem.ts";
import type { OperationContext } from "./context.ts";
import { productionAccess } from "./deploy/access.ts";
import { cloudDirectory } from "./deploy/cloud.ts";
import type { Deployment } from "./deploy/workspace.ts";
import { readDeployed, readTopology } from "./topology.ts";
import type { VerifyReport } from "./verify/check.ts";
import { checks } from "./verify/checks.ts";
import { verify } from "./verify/verify.ts";
import { openWorld } from "./verify/world.ts";

/** Checks a stack that runs. Starts nothing that does not run and changes nothing that lasts. */
export async function verifyStack(stack: string, ctx: OperationContext): Promise<VerifyReport> {
  const { topology, deployment } = await readDeployed(stack, ctx);
  return verifyDeployed(topology, deployment, ctx);
}

/** What follows each `up`: the same checks. */
export async function verifyAfterUp(deployment: Deployment, ctx: OperationContext): Promise<VerifyReport> {
  return verifyDeployed(await readTopology(deployment, ctx), deployment, ctx);
}

/** @param topology What is to be checked; a promotion checks stages of its own. */
export async function verifyDeployed(
  topology: Topology,
  deployment: Deployment,
  ctx: OperationContext,
): Promise<VerifyReport> {
  await using world = openWorld(topology, await cloudAccess(deployment), ctx);
  // Awaited here: the connections are closed when this function ends.
  return await verify(world, checks);
}

async function cloudAccess(deployment: Deployment): Promise<HetznerAccess | { unavailable: string }> {
  if (!deployment.file.embedded) {
    return productionAccess(deployment).catch((error) => ({ unavailable: messageOf(error) }));
  }
  const status = await cloudStatus({ directory: cloudDirectory() });
  if (status.state === "running") return { endpoint: status.endpoint, token: status.token };
  return { unavailable: `the embedded cloud is ${status.state}; npx phasewise cloud start` };
}
