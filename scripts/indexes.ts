import { type Command, InvalidArgumentError, Option } from "commander";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  catalogue: string[];
  dryRun: boolean;
  /** True: the last run that can be taken back. */
  undo?: string | true;
  lockTimeout: number;
  retries: number;
}

export function indexes(program: Command): void {
  program
    .command("indexes")
    .description("bring indexes, materialized views and partitions to what catalogues ask for")
    .addArgument(stackArgument())
    .option(
      "--catalogue <name>",
      "a built-in catalogue or a file, instead of the stack's own; may be repeated",
      collect,
      [],
    )
    .option("--dry-run", "print the SQL, change nothing", false)
    .option("--undo [run]", "take back what a run made; without a name, the last one")
    .addOption(
      new Option("--lock-timeout <seconds>", "how long a build waits for a lock")
        .argParser(seconds)
        .default(10),
    )
    .addOption(new Option("--retries <times>", "how often it is tried again").argParser(times).default(4))
    .option("--json", "{created, present, repaired, skipped, failed, advice, run} as JSON on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise indexes production --dry-run\n  npx phasewise indexes dev --catalogue fastbots",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const patience = {
          lockSeconds: options.lockTimeout,
          briefLockSeconds: Math.min(3, options.lockTimeout),
          retries: options.retries,
        };
        if (options.undo !== undefined) {
          const { undoIndexes } = await import("../operations/indexes/undo.ts");
          const name = options.undo === true ? null : options.undo;
          const report = await undoIndexes(stack, name, patience, ctx);
          if (options.json) printJson(report);
          else print((await import("./indexesText.ts")).undoText(report));
          return report.failed.length > 0 ? 1 : 0;
        }
        const { applyIndexes } = await import("../operations/indexes/indexes.ts");
        const { catalogue: catalogues, dryRun } = options;
        const report = await applyIndexes(stack, { catalogues, dryRun, patience }, ctx);
        if (options.json) printJson(report);
        else print(await (await import("./indexesText.ts")).indexesText(report));
        return report.failed.length > 0 ? 1 : 0;
      }),
    );
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError("Give a number of seconds, more than 0 and at most 3600.");
}

function times(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number from 0 to 999.");
}
