import type { Command } from "commander";
import type { Difference, Drifted } from "../operations/drift/differences.ts";
import type { DriftReport, Verdict } from "../operations/drift/drift.ts";
import { print, printJson, styled, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function drift(program: Command): void {
  program
    .command("drift")
    .description(
      "what was changed by hand, in the cloud, on the machines and in the clusters; changes nothing. Exit codes: 0 all is as it was declared, 1 something is not, 3 not known: not everything could be looked at",
    )
    .addArgument(stackArgument())
    .option(
      "--json",
      "{stack, verdict, drifted, resources: [{type, name, state, differences}], notKnown: [{type, name, why}]} as JSON on standard output",
    )
    .addHelpText(
      "after",
      "\n1 also stands for a look that failed: the JSON has `error` then.\n\nExample:\n  npx phasewise drift production --json",
    )
    .action((stack: string, options: CommonOptions) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/drift/drift.ts");
        const report = await operations.drift(stack, ctx);
        if (options.json) printJson(report);
        else await show(report);
        return exitCodes[report.verdict];
      }),
    );
}

/** 2 says of every command that it was asked for something that cannot be. */
const exitCodes: Record<Verdict, number> = { "as declared": 0, changed: 1, "not known": 3 };

async function show({ notKnown, resources, stack, verdict }: DriftReport): Promise<void> {
  if (verdict === "as declared") return print(styled("green", `${stack} is as it was declared.`));
  if (verdict === "changed") {
    print(await table(["Resource", "What", "Declared", "Found"], resources.flatMap(rows)));
    print(styled("red", `\n${stack} is not as it was declared: ${resources.length} resources differ.`));
  }
  if (notKnown.length > 0) {
    print(styled("yellow", `It is not known whether all of ${stack} is as it was declared:`));
    for (const { name, type, why } of notKnown) print(`  ${type} ${name}: ${why}`);
  }
  if (verdict === "changed") print(`\`npx phasewise up ${stack}\` puts it right.`);
  else print(`Nothing else differs. Once that answers: npx phasewise drift ${stack}`);
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
