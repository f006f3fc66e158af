import type { OperationContext } from "../context.ts";
import type { Changes } from "./changes.ts";
import { parseUrn } from "./names.ts";
import { prepare, preview } from "./prepare.ts";
import { refuseChanges } from "./rules.ts";
import { lockStack } from "./stackLock.ts";

export interface PreviewReport {
  stack: string;
  changes: Changes;
  /** What would be changed; `properties` names the changed ones. */
  resources: { operation: string; type: string; name: string; properties: string[] }[];
}

/** What `up` would do; nothing is changed. */
export async function previewStack(stack: string, ctx: OperationContext): Promise<PreviewReport> {
  await using _lock = await lockStack(stack, "preview");
  const prepared = await prepare(stack, ctx);
  refuseChanges(prepared);
  const { changes, events } = await preview(prepared, ctx);
  const resources = events.flatMap(({ resourcePreEvent }) => {
    const step = resourcePreEvent?.metadata;
    if (!step || step.op === "same" || step.op === "read" || step.type === "pulumi:pulumi:Stack") return [];
    const { type, name } = parseUrn(step.urn);
    const properties = Object.keys(step.detailedDiff ?? {});
    return [
      { operation: step.op, type, name, properties: properties.length > 0 ? properties : (step.diffs ?? []) },
    ];
  });
  return { stack, changes, resources };
}
