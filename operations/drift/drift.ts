import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { OperationContext } from "../context.ts";
import { prepare } from "../deploy/prepare.ts";
import { runCommand } from "../deploy/run.ts";
import { lockStack } from "../deploy/stackLock.ts";
import { type Drifted, driftOf } from "./differences.ts";
import { type NotKnown, notKnownOf } from "./notKnown.ts";

/** `not known`: what answered is as it was declared, but not everything answered. */
export type Verdict = "as declared" | "changed" | "not known";

/** What `drift --json` prints. */
export interface DriftReport {
  stack: string;
  verdict: Verdict;
  /** Null where it is not known. */
  drifted: boolean | null;
  resources: Drifted[];
  /** What could not be looked at; also beside what was found to differ. */
  notKnown: NotKnown[];
}

/** The report of a look at everything. Pure. */
export function driftReport(stack: string, events: EngineEvent[]): DriftReport {
  const resources = driftOf(events, "whole");
  const notKnown = notKnownOf(events);
  if (resources.length > 0) return { stack, verdict: "changed", drifted: true, resources, notKnown };
  if (notKnown.length > 0) return { stack, verdict: "not known", drifted: null, resources, notKnown };
  return { stack, verdict: "as declared", drifted: false, resources, notKnown };
}

/**
 * What of a deployed stack is not as it was last brought up: changed by hand, or broken. Asks the cloud, every
 * machine and every cluster, and changes nothing. What differs in the stack's file only is `preview`'s business.
 */
export async function drift(stack: string, ctx: OperationContext): Promise<DriftReport> {
  await using _lock = await lockStack(stack, "drift");
  const prepared = await prepare(stack, ctx);
  const { events } = await runCommand(prepared.deployment, "drift", prepared.program, ctx);
  return driftReport(stack, events);
}
