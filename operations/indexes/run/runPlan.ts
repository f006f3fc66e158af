import type { Catalogue } from "../catalogue/entries.ts";
import { missingExtensions } from "../plan/extensions.ts";
import { type Planned, plan } from "../plan/plan.ts";
import { qualified } from "../plan/statement.ts";
import type { Step } from "../plan/steps.ts";
import { readWorld } from "../world/read.ts";
import type { World } from "../world/world.ts";
import { isIndex, type Run, runEntry, runSteps } from "./runEntry.ts";

/**
 * Extensions, then views and partitions, then indexes: each may stand on the ones before, so the world is read again
 * where something was made.
 * @returns The world at the end, for advice.
 */
export async function runPlan(catalogues: Catalogue[], run: Run): Promise<World> {
  const { client, act, cluster } = run;
  const again = () => readWorld(client, catalogues);
  let world = await again();
  const extensions = missingExtensions(catalogues, world.extensions);
  for (const { catalogue, name, step } of extensions) {
    await runSteps([step], { cluster, catalogue, kind: "extension", name }, "created", run);
  }
  if (extensions.length > 0 && act.kind === "run") world = await again();
  let planned = plan(catalogues, world);
  const first = planned.entries.filter(({ entry }) => !isIndex(entry));
  for (const entry of first) await runEntry(entry, run);
  if (first.some(isWork) && act.kind === "run") {
    world = await again();
    planned = plan(catalogues, world);
  }
  const indexes = planned.entries.filter(({ entry }) => isIndex(entry));
  for (const entry of indexes) await runEntry(entry, run);
  for (const step of planned.upkeep) {
    await runSteps([step], { cluster, catalogue: "-", kind: "upkeep", name: step.title }, null, run);
  }
  if (act.kind === "tell" || !indexes.some(isWork)) return world;
  await analyze(indexes, run);
  return again();
}

function isWork({ verdict }: Planned): boolean {
  return verdict.kind === "work";
}

/** An index on an expression brings statistics of the expression, which only ANALYZE collects. */
async function analyze(planned: Planned[], run: Run): Promise<void> {
  const tables = planned.filter(isWork).flatMap(({ entry }) => {
    const computed = entry.type === "columns" && entry.keys.some((key) => key.column === null);
    return computed ? [qualified(entry.table)] : [];
  });
  for (const table of new Set(tables)) {
    const title = `analyze ${table.replaceAll('"', "")}`;
    const step: Step = { title, sql: [`ANALYZE ${table}`], undo: null, leftover: null, lock: "patient" };
    await runSteps([step], { cluster: run.cluster, catalogue: "-", kind: "upkeep", name: title }, null, run);
  }
}
