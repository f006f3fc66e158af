import { openClient } from "../../clients/postgres.ts";
import type { Scale } from "../../examples/generate/example.ts";
import type { Topology } from "../../infra/topology.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { readDeployed } from "../topology.ts";
import { type DropReport, dropExample } from "./drop.ts";
import { exampleNames, findExample } from "./find.ts";
import { type LoadReport, loadExample, nothingLoaded, ownerTarget } from "./load.ts";
import { settingsOf, type Wishes } from "./settings.ts";
import { allTables } from "./tables.ts";

export interface ListedExample {
  name: string;
  title: string;
  /** What a size counts. */
  unit: string;
  scales: Record<Scale, number>;
  /** Rows of every table at the smallest scale. */
  tables: Record<string, number>;
}

/** All examples, with what the smallest scale of each holds. */
export async function listExamples(): Promise<ListedExample[]> {
  const found = (await exampleNames()).map(async (name) => {
    const { example } = await findExample(name);
    const { title, unit, scales } = example;
    const tables = example.tables(settingsOf(example, {}));
    return {
      name,
      title,
      unit,
      scales,
      tables: Object.fromEntries(tables.map((one) => [one.name, one.rows])),
    };
  });
  return Promise.all(found);
}

export interface Loaded extends LoadReport {
  /** A statement to try. */
  query: string;
  /** Why nothing was loaded, where `ifEmpty` was asked for and something was in the way. */
  leftAlone?: string;
}

/**
 * @param ifEmpty For a first start: loads only into an embedded stack whose database has no tables of anybody else, and
 * says so, instead of failing, where that is not the case.
 * @throws Problem (exit 2) for a production stack, unknown names and faulty settings.
 */
export async function load(
  stack: string,
  name: string,
  wishes: Wishes,
  { ifEmpty }: { ifEmpty: boolean },
  ctx: OperationContext,
): Promise<Loaded> {
  const found = await findExample(name);
  const settings = settingsOf(found.example, wishes);
  const { topology, deployment } = await readDeployed(stack, ctx);
  const { query } = found.example;
  const why = ifEmpty ? await reasonToLeave(topology, name, deployment.file.embedded) : null;
  if (why !== null) {
    return { ...nothingLoaded(stack, name, settings), query, leftAlone: why };
  }
  refuseProduction(topology);
  return { ...(await loadExample(topology, found, settings, ctx)), query };
}

export async function drop(stack: string, name: string, ctx: OperationContext): Promise<DropReport> {
  await findExample(name);
  const { topology } = await readDeployed(stack, ctx);
  return dropExample(topology, name, ctx);
}

async function reasonToLeave(topology: Topology, name: string, embedded: boolean): Promise<string | null> {
  if (!embedded) return `${topology.stack} is not on the embedded cloud`;
  const client = await openClient(ownerTarget(topology), { applicationName: `phasewise example ${name}` });
  try {
    const others = (await allTables(client)).filter(({ marker }) => marker?.example !== name);
    return others.length > 0 ? `its database has tables already (${others[0]!.name}, ...)` : null;
  } finally {
    await client.end();
  }
}

function refuseProduction(topology: Topology): void {
  if (topology.environment !== "production") return;
  throw new Problem({
    happened: `${topology.stack} is a production stack: no example is loaded into it.`,
    left: "Nothing was changed.",
    todo: ["Load it into a stack whose phasewise:environment is dev or staging."],
    exitCode: 2,
  });
}
