import type { Command } from "commander";
import type { MetricsReport } from "../operations/metrics.ts";
import { print, printJson, printLine, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function metrics(program: Command): void {
  program
    .command("metrics")
    .description("the metric dictionary as the machines' exporters give it now (docs/metrics.md)")
    .addArgument(stackArgument())
    .option(
      "--json",
      "{metrics: [{name, type, unit, machine, labels, value}], unavailable} as JSON on standard output",
    )
    .addHelpText("after", "\nExample:\n  npx phasewise metrics production --json")
    .action((stack: string, options: CommonOptions) =>
      run(options, async (ctx) => {
        const operation = await import("../operations/metrics.ts");
        const report = await operation.metrics(stack, ctx);
        if (options.json) printJson(report);
        else await show(report);
        return report.unavailable.length > 0 ? 1 : 0;
      }),
    );
}

async function show({ metrics, unavailable }: MetricsReport): Promise<void> {
  const rows = metrics.map(({ name, machine, labels, value, unit }) => [
    name,
    machine,
    Object.entries(labels)
      .map(([label, text]) => `${label} ${text}`)
      .join(", "),
    readable(value, unit),
  ]);
  print(await table(["Metric", "Machine", "Of", "Value"], rows));
  for (const { exporter, machine, reason } of unavailable) {
    printLine(`${machine}: the ${exporter} exporter did not answer: ${reason}`);
  }
}

/** A value with its unit, in as many digits as matter. */
export function readable(value: number, unit: string): string {
  const digits = (number: number) => String(Number(number.toPrecision(3)));
  if (unit === "percent") return `${digits(value)} %`;
  if (unit === "seconds") return value < 1 ? `${digits(value * 1000)} ms` : `${digits(value)} s`;
  if (unit !== "bytes") return digits(value);
  const step = value < 1 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
  return `${digits(value / 1024 ** step)} ${["B", "KB", "MB", "GB", "TB"][step]}`;
}
