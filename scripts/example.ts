import type { Command } from "commander";
import type { Loaded } from "../operations/examples/commands.ts";
import type { Wishes } from "../operations/examples/settings.ts";
import { print, printJson, styled, table } from "./output.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";

export function example(program: Command): void {
  const group = program.command("example").description("sample data of five systems: list, load, drop");
  list(group);
  load(group);
  drop(group);
}

function list(group: Command): void {
  group
    .command("list")
    .description("which examples there are, and how large")
    .option("--json", "the same as JSON on standard output")
    .action((options: CommonOptions) =>
      run(options, async () => {
        const { listExamples } = await import("../operations/examples/commands.ts");
        const examples = await listExamples();
        if (options.json) return void printJson(examples);
        const rows = examples.map(({ name, title, unit, scales, tables }) => [
          name,
          `${title}\n${Object.keys(tables).join(", ")}`,
          Object.entries(scales)
            .map(([scale, size]) => `${scale} ${size.toLocaleString("en")}`)
            .join(", ")
            .concat(` ${unit}`),
        ]);
        print(await table(["Example", "What it is", "Scales"], rows));
      }),
    );
}

interface LoadOptions extends CommonOptions, Wishes {
  ifEmpty?: boolean;
}

function load(group: Command): void {
  group
    .command("load")
    .description("make an example's tables and fill them; what is there already is left as it is")
    .argument("<stack>", "a stack, by its file in stacks/")
    .argument("<example>", "one of `example list`")
    .option("--scale <scale>", "small, medium or large (default: small)")
    .option("--size <number>", "how many organizations, ventures, ... instead of a scale")
    .option("--seed <text>", "the same seed gives the same data, to the last byte (default: 1)")
    .option("--until <date>", "where the data ends (default: 2026-07-01)")
    .option("--dimension <number>", "of the vectors (default: 384)")
    .option("--if-empty", "load nothing where the database has other tables, or the stack is not embedded")
    .option(
      "--json",
      "{stack, example, settings, tables: {name: rows}, loaded, seconds, bytes} on standard output",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise example load dev fastbots\n  npx phasewise example load dev replyx --scale medium --json",
    )
    .action((stack: string, name: string, options: LoadOptions) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/examples/commands.ts");
        const { ifEmpty = false } = options;
        const report = await operations.load(stack, name, options, { ifEmpty }, ctx);
        if (options.json) printJson(report);
        else await show(report);
        return 0;
      }),
    );
}

async function show(report: Loaded): Promise<void> {
  const { stack, example: name, leftAlone, loaded, tables, bytes, seconds, query } = report;
  if (leftAlone) return print(`${name} was not loaded into ${stack}: ${leftAlone}. Nothing was changed.`);
  const count = (rows: number) => rows.toLocaleString("en");
  if (loaded.length > 0) {
    const rows = Object.entries(tables).map(([table, rows]) => [table, count(rows)]);
    print(`\n${await table([`Tables of ${name}`, "Rows"], rows)}`);
    print(`\n${styled("bold", name)} is loaded into ${stack}: ${megabytes(bytes)} in ${seconds} s.`);
  } else print(`\n${styled("bold", name)} is loaded into ${stack} already; nothing was changed.`);
  print(`\nTry it: npx phasewise psql ${stack}, and then\n  ${query.replaceAll("\n", "\n  ")}`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
}

function drop(group: Command): void {
  group
    .command("drop")
    .description("drop the tables that an example made, and no others")
    .argument("<stack>", "a stack, by its file in stacks/")
    .argument("<example>", "one of `example list`")
    .option("-y, --yes", "do not ask")
    .option("--json", "{stack, example, dropped} as JSON on standard output")
    .action((stack: string, name: string, options: CommonOptions & { yes?: boolean }) =>
      run(options, async (ctx) => {
        if (!options.yes) requireTerminal(`npx phasewise example drop ${stack} ${name}`);
        if (!options.yes && !(await ask(`${stack}: drop all tables of ${name}?`))) return 130;
        const operations = await import("../operations/examples/commands.ts");
        const report = await operations.drop(stack, name, ctx);
        if (options.json) printJson(report);
        else
          print(
            report.dropped.length > 0
              ? `Dropped: ${report.dropped.join(", ")}`
              : "There was nothing to drop.",
          );
        return 0;
      }),
    );
}
