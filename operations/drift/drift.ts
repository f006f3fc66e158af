import type { OperationContext } from "../context.ts";
import { prepare } from "../deploy/prepare.ts";
import { runCommand } from "../deploy/run.ts";
import { lockStack } from "../deploy/stackLock.ts";
import { type Drifted, driftOf } from "./differences.ts";

/** What `drift --json` prints. */
export interface DriftReport {
  stack: string;
  drifted: boolean;
  resources: Drifted[];
}

/**
 * What of a deployed stack is not as it was last brought up: changed by hand, or broken. Asks the cloud, every
 * machine and every cluster, and changes nothing. What differs in the stack's file only is `preview`'s business.
 */
export async function drift(stack: string, ctx: OperationContext): Promise<DriftReport> {
  await using _lock = await lockStack(stack, "drift");
  const prepared = await prepare(stack, ctx);
  const { events } = await runCommand(prepared.deployment, "drift", prepared.program, ctx);
  const resources = driftOf(events, "whole");
  return { stack, drifted: resources.length > 0, resources };
}
