import { randomBytes } from "node:crypto";
import type { Topology } from "../../infra/topology.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { readStackFile } from "../deploy/stackFile.ts";
import { validate } from "../deploy/validate.ts";
import { type Cluster, type Deployed, readDeployed } from "../topology.ts";
import { advise } from "./advice/advice.ts";
import type { Catalogue } from "./catalogue/entries.ts";
import { builtInCatalogues, loadCatalogues } from "./catalogue/load.ts";
import type { IndexesReport } from "./report.ts";
import { openDatabase } from "./run/database.ts";
import { isLost } from "./run/failure.ts";
import type { Act } from "./run/runEntry.ts";
import { runPlan } from "./run/runPlan.ts";
import type { Patience } from "./run/runStep.ts";
import type { World } from "./world/world.ts";

export interface IndexesOptions {
  /** Instead of those of the stack's file. */
  catalogues: string[];
  dryRun: boolean;
  patience: Patience;
}

/**
 * Brings every cluster of a stack to what the catalogues ask for, past pooler and proxy.
 * @throws Problem (exit 2, nothing touched) with every fault of every catalogue.
 */
export async function applyIndexes(
  stack: string,
  options: IndexesOptions,
  ctx: OperationContext,
): Promise<IndexesReport> {
  const catalogues = await chosenCatalogues(stack, options.catalogues);
  const deployed = await readDeployed(stack, ctx);
  return applyCatalogues(deployed, catalogues, stack, options, ctx);
}

async function chosenCatalogues(stack: string, given: string[]): Promise<Catalogue[]> {
  const references = given.length > 0 ? given : validate(await readStackFile(stack)).catalogues;
  if (references.length > 0) return loadCatalogues(references);
  throw new Problem({
    happened: `stacks/Pulumi.${stack}.yaml names no catalogue of indexes.`,
    left: "Nothing was changed.",
    todo: [
      `Give one: --catalogue <name or file>; there are ${(await builtInCatalogues()).join(", ")}`,
      "Or name them in the file, as phasewise:catalogues: [fastbots, ./catalogues/ours.yaml]",
    ],
    exitCode: 2,
  });
}

async function applyCatalogues(
  { topology }: Deployed,
  catalogues: Catalogue[],
  stack: string,
  options: IndexesOptions,
  ctx: OperationContext,
): Promise<IndexesReport> {
  const lists = { created: [], present: [], repaired: [], skipped: [], failed: [] };
  const report: IndexesReport = {
    stack,
    dryRun: options.dryRun,
    run: null,
    ...lists,
    advice: [],
    databaseSeconds: 0,
  };
  const run = runName(new Date());
  for (const cluster of topology.clusters) {
    const world = await runCluster(topology, cluster, catalogues, { run, options, report, ctx });
    report.advice.push(...advise(world).map((one) => ({ cluster: cluster.name, ...one })));
    if (ctx.signal.aborted) throw stopped(report);
  }
  report.databaseSeconds = Math.round(report.databaseSeconds * 1000) / 1000;
  return report;
}

interface ClusterRun {
  run: string;
  options: IndexesOptions;
  /** Written into. */
  report: IndexesReport;
  ctx: OperationContext;
}

async function runCluster(
  topology: Topology,
  cluster: Cluster,
  catalogues: Catalogue[],
  { run, options, report, ctx }: ClusterRun,
): Promise<World> {
  await using database = await openDatabase(topology, cluster, ctx);
  const started = performance.now();
  const names = catalogues.map((one) => one.name);
  const act: Act = options.dryRun
    ? { kind: "tell" }
    : { kind: "run", runner: await database.runner(run, names, options.patience) };
  try {
    const { client } = database;
    const world = await runPlan(catalogues, { client, cluster: cluster.name, act, outcomes: report });
    if (act.kind === "run") await act.runner.journal.close();
    return world;
  } catch (error) {
    throw isLost(error) ? lost(cluster.name, report.stack, error) : error;
  } finally {
    if (act.kind === "run" && act.runner.journal.made) report.run = run;
    report.databaseSeconds += (performance.now() - started) / 1000;
  }
}

/** As in a failover: what was under way has happened or has not, and the next run finds out. */
function lost(cluster: string, stack: string, cause: unknown): Problem {
  return new Problem({
    happened: `The connection to ${cluster}'s primary was lost: ${messageOf(cause)}`,
    left: "What was built stays; what was under way may be half-made, and serves no query then.",
    todo: [`npx phasewise indexes ${stack}: it goes on where this one stopped.`],
    cause,
  });
}

/** What the run did before it was interrupted is told as far as it needs somebody to know. */
function stopped({ stack, run, failed }: IndexesReport): Problem {
  return new Problem({
    happened: "Interrupted.",
    details: failed.map(({ name, reason }) => `${name}: ${reason}`),
    left: run === null ? "Nothing was made." : `What was made before stays; --undo ${run} takes it back.`,
    todo: [`npx phasewise indexes ${stack}: it goes on where it stopped.`],
    exitCode: 130,
  });
}

/** Sorts by time, and is no other run's. */
export function runName(now: Date): string {
  return `${now.toISOString().slice(0, 19).replaceAll(":", "-")}-${randomBytes(2).toString("hex")}`;
}
