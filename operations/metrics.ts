import { Problem } from "../toolchain/problem.ts";
import type { OperationContext } from "./context.ts";
import { type Measured, measure, type Scrape, scrapeAll } from "./metrics/read.ts";
import { readDeployed } from "./topology.ts";
import { openWorld } from "./verify/world.ts";

export interface MetricsReport {
  stack: string;
  metrics: {
    name: string;
    type: string;
    unit: string;
    machine: string;
    labels: Record<string, string>;
    value: number;
  }[];
  /** Exporters that did not answer. */
  unavailable: { machine: string; exporter: string; reason: string }[];
}

/**
 * The metric dictionary of a stack that runs, as its exporters give it now.
 * @throws Problem (exit 2) where the stack has no exporters.
 */
export async function metrics(stack: string, ctx: OperationContext): Promise<MetricsReport> {
  const { topology } = await readDeployed(stack, ctx);
  if (!topology.machines.some((machine) => machine.roles.includes("metrics"))) {
    throw new Problem({
      happened: `${stack} has no metrics.`,
      left: "Nothing was changed.",
      todo: [`Set phasewise:metrics: {enabled: true} in its file, then npx phasewise up ${stack}`],
      exitCode: 2,
    });
  }
  await using world = openWorld(topology, { unavailable: "metrics do not ask it" }, ctx);
  return reportOf(stack, await scrapeAll(world));
}

export function reportOf(stack: string, scrapes: Scrape[]): MetricsReport {
  return {
    stack,
    metrics: measure(scrapes).map(({ metric: { name, type, unit }, machine, labels, value }: Measured) => ({
      name,
      type,
      unit,
      machine,
      labels,
      value,
    })),
    unavailable: scrapes.flatMap(({ exporter, machine, samples }) =>
      "unavailable" in samples ? [{ machine, exporter, reason: samples.unavailable }] : [],
    ),
  };
}
