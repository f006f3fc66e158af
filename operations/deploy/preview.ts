import type { OperationContext } from "../context.ts";
import { costOf } from "../cost/cost.ts";
import type { CostReport } from "../cost/report.ts";
import { type Drifted, driftOf } from "../drift/differences.ts";
import { refuseGrownVolumes } from "../drift/volumes.ts";
import type { Changes } from "./changes.ts";
import { refuseLockout } from "./lockout.ts";
import { parseUrn } from "./names.ts";
import { prepare, preview } from "./prepare.ts";
import { refuseChanges } from "./rules.ts";
import { lockStack } from "./stackLock.ts";

export interface PreviewReport {
  stack: string;
  changes: Changes;
  /** What would be changed; `properties` names the changed ones. */
  resources: { operation: string; type: string; name: string; properties: string[] }[];
  /** What the stack would cost; null where the price list does not say. */
  price: CostReport | null;
  /** What is not as it had been declared; empty where nothing was asked how it is. */
  drift: Drifted[];
}

/**
 * What `up` would do; nothing is changed.
 * @param options.refresh Asks everything how it is first.
 */
export async function previewStack(
  stack: string,
  { refresh }: { refresh: boolean },
  ctx: OperationContext,
): Promise<PreviewReport> {
  await using _lock = await lockStack(stack, "preview");
  const prepared = await prepare(stack, ctx);
  refuseChanges(prepared);
  await refuseLockout(prepared, ctx);
  await refuseGrownVolumes(prepared);
  const [{ changes, events }, price] = await Promise.all([
    preview(prepared, ctx, { refresh }),
    costOf(prepared, ctx),
  ]);
  const resources = events.flatMap(({ resourcePreEvent }) => {
    const step = resourcePreEvent?.metadata;
    if (!step || silent.includes(step.op) || step.type === "pulumi:pulumi:Stack") return [];
    const { type, name } = parseUrn(step.urn);
    const properties = Object.keys(step.detailedDiff ?? {});
    return [
      { operation: step.op, type, name, properties: properties.length > 0 ? properties : (step.diffs ?? []) },
    ];
  });
  return { stack, changes, resources, price, drift: driftOf(events, "part") };
}

/** Operations that change nothing. */
const silent: string[] = ["same", "read", "refresh"];
