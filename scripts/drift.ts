import type { Command } from "commander";
import type { Difference, Drifted } from "../operations/drift/differences.ts";
import type { DriftReport } from "../operations/drift/drift.ts";
import { print, printJson, styled, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function drift(program: Command): void {
  program
    .command("drift")
    .description(
      "what was changed by hand, in the cloud, on the machines and in the clusters; changes nothing",
    )
    .addArgument(stackArgument())
    .option(
      "--json",
      "{stack, drifted, resources: [{type, name, state, differences}]} as JSON on standard output",
    )
    .addHelpText(
      "after",
      "\nExit codes: 0 all is as it was declared, 1 something is not (or the look failed: the JSON has `error` then).\n\nExample:\n  npx phasewise drift production --json",
    )
    .action((stack: string, options: CommonOptions) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/drift/drift.ts");
        const report = await operations.drift(stack, ctx);
        if (options.json) printJson(report);
        else await show(report);
        return report.drifted ? 1 : 0;
      }),
    );
}

async function show({ stack, resources }: DriftReport): Promise<void> {
  if (resources.length === 0) return print(styled("green", `${stack} is as it was declared.`));
  print(await table(["Resource", "What", "Declared", "Found"], resources.flatMap(rows)));
  print(styled("red", `\n${stack} is not as it was declared: ${resources.length} resources differ.`));
  print(`\`npx phasewise up ${stack}\` puts it right.`);
}

function rows({ type, name, state, differences }: Drifted): string[][] {
  if (state === "gone") return [[`${type} ${name}`, "", "there", styled("red", "gone")]];
  return differences.map(({ what, declared, found }: Difference, index) => [
    index === 0 ? `${type} ${name}` : "",
    what,
    shown(declared),
    styled("red", shown(found)),
  ]);
}

/** Characters of a value that a table shows. */
const widest = 60;

function shown(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(shown).join("\n");
  const text = typeof value === "string" ? value : JSON.stringify(value, withoutEmpty);
  return text
    .split("\n")
    .map((line) => (line.length > widest ? `${line.slice(0, widest - 1)}…` : line))
    .join("\n");
}

function withoutEmpty(_key: string, value: unknown): unknown {
  return value === "" || value === null || (Array.isArray(value) && value.length === 0) ? undefined : value;
}
