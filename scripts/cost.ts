import { type Command, InvalidArgumentError } from "commander";
import type { CostReport } from "../operations/cost/report.ts";
import { print, printJson, styled, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  phase?: number;
}

export function cost(program: Command): void {
  program
    .command("cost")
    .description("what a stack costs a month, per part, beside what is deployed; changes nothing")
    .addArgument(stackArgument())
    .option("--phase <number>", "as if its file asked for this phase", phaseNumber)
    .option(
      "--json",
      "{stack, phase, monthly, currency, asOf, parts, deployed, difference, ...} as JSON on standard output",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise cost production\n  npx phasewise cost production --phase 2",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/cost/cost.ts");
        const wanted = options.phase === undefined ? {} : { phase: options.phase };
        const report = await operations.cost(stack, wanted, ctx);
        if (options.json) printJson(report);
        else print(await costTable(report));
        return 0;
      }),
    );
}

/** Every part with its price, the sum, and what there is to know about it. */
export async function costTable(report: CostReport): Promise<string> {
  const { costLine, costRows, signed } = await import("../operations/cost/report.ts");
  const rows = costRows(report).map(({ name, what, monthly, difference }) => [
    name,
    what,
    monthly === null ? "" : monthly.toFixed(2),
    difference ? signed(difference) : "",
  ]);
  const head = ["Part", "What", `${report.currency} a month`, "Difference"];
  const total = `${styled("bold", report.stack)} in phase ${report.phase}: ${costLine(report)}`;
  return [await table(head, rows), "", total, ...report.notes].join("\n");
}

function phaseNumber(text: string): number {
  if (!/^[1-5]$/.test(text)) throw new InvalidArgumentError("a phase is a number from 1 to 5.");
  return Number(text);
}
