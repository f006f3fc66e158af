import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { listCloud } from "./adopt/adopt.ts";
import { orphans } from "./adopt/find.ts";
import type { Changes } from "./changes.ts";
import { resourceLabel, typeLabel } from "./names.ts";
import { labelSelector, type Prepared, prepare, reconcile, withOrigin } from "./prepare.ts";
import { runCommand } from "./run.ts";
import { lockStack } from "./stackLock.ts";
import { markUnfinished } from "./unfinished.ts";

export interface DestroyReport {
  stack: string;
  changes: Changes;
  seconds: number;
}

export interface DestroyOptions {
  /** Asked with the number of resources before anything is deleted. */
  confirm?(resources: number): Promise<boolean>;
}

/** Deletes everything of a stack, also what a killed `up` left unrecorded. */
export async function destroy(
  stack: string,
  options: DestroyOptions,
  ctx: OperationContext,
): Promise<DestroyReport> {
  const start = Date.now();
  await using _lock = await lockStack(stack, "destroy");
  // A stack whose first data did not come yet goes like any other.
  const before = withOrigin(await prepare(stack, ctx), null);
  refuseProtected(before);
  const prepared = await reconcileIfPossible(before, ctx);
  const count = (prepared.state?.resources ?? []).filter((resource) => resource.custom).length;
  if (options.confirm && !(await options.confirm(count))) {
    throw new Problem({ happened: "Not confirmed.", left: "Nothing was deleted.", exitCode: 130 });
  }
  ctx.signal.throwIfAborted();
  const report = await markUnfinished(prepared.deployment, () =>
    runCommand(prepared.deployment, "destroy", prepared.program, ctx),
  );
  await tellRemains(prepared);
  return { stack, changes: report.changes, seconds: Math.round((Date.now() - start) / 100) / 10 };
}

/** A program that cannot run any more is no reason to keep what it made; what stays unknown is told at the end. */
async function reconcileIfPossible(prepared: Prepared, ctx: OperationContext): Promise<Prepared> {
  try {
    return await reconcile(prepared, "destroy", ctx);
  } catch (error) {
    if (!(error instanceof Problem) || error.exitCode === 130) throw error;
    ctx.onLine(`warning: what an earlier run left unrecorded could not be looked for: ${error.happened}`);
    return prepared;
  }
}

/** @throws Problem that says exactly how the protection is lifted. */
export function refuseProtected({
  config,
  state,
  deployment,
}: Pick<Prepared, "config" | "state" | "deployment">): void {
  const { stack } = deployment.file;
  const held = (state?.resources ?? []).filter((resource) => resource.protect);
  if (!config.deletionProtection && held.length === 0) return;
  const file = `stacks/Pulumi.${stack}.yaml`;
  const lift = `Set phasewise:deletionProtection: false in ${file}.`;
  throw new Problem({
    happened: config.deletionProtection
      ? `${stack} is protected against deletion: phasewise:deletionProtection is true (its default) in ${file}.`
      : `${stack} is still protected against deletion: the protection is lifted in ${file}, but not on what runs.`,
    details: held.map((resource) => `protected: ${resourceLabel(resource.urn)}`),
    left: "Nothing was deleted.",
    todo: [
      ...(config.deletionProtection ? [lift] : []),
      `Run \`npx phasewise up ${stack}\`: it lifts the protection, in the state and at Hetzner.`,
      `Run \`npx phasewise destroy ${stack}\` again.`,
    ],
  });
}

/** Labelled objects that no state knows and the program does not explain are never deleted by guess. */
async function tellRemains({ access, deployment }: Prepared): Promise<void> {
  const { stack } = deployment.file;
  const remains = orphans(await listCloud(access, labelSelector(stack)), []);
  if (remains.length === 0) return;
  throw new Problem({
    happened: `${stack} is destroyed, but the cloud still has objects with its labels that are not in its state.`,
    details: remains.map(({ type, item }) => `${typeLabel(type)} ${item.name}: id ${item.id}`),
    left: "They are as they were.",
    todo: ["Look at them and delete them in Hetzner's console or with the hcloud CLI."],
  });
}
