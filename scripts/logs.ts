import { type Command, InvalidArgumentError } from "commander";
import { print } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  machine?: string;
  unit: string[];
  lines: number;
  since?: string;
  follow?: boolean;
  all?: boolean;
}

export function logs(program: Command): void {
  program
    .command("logs")
    .description("what the machines say")
    .addArgument(stackArgument())
    .option("-m, --machine <name>", "only this machine")
    .option(
      "-u, --unit <unit>",
      "only this unit (can be repeated); kernel for the kernel",
      (unit, all: string[]) => [...all, unit],
      [],
    )
    .option("-n, --lines <number>", "how many of the last lines", wholeNumber, 100)
    .option("--since <time>", "as journalctl takes it: -1h, today")
    .option("-f, --follow", "go on")
    .option("--all", "also the lines in which Patroni says that it has nothing to do")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise logs dev -f\n  npx phasewise logs dev -u patroni --since -10min",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/logs.ts");
        const { unit: units, lines, follow = false, all = false, machine, since } = options;
        const wanted = {
          units,
          lines,
          follow,
          all,
          ...(machine ? { machine } : {}),
          ...(since ? { since } : {}),
        };
        await operations.logs(stack, wanted, ctx, print);
        return 0;
      }),
    );
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("a whole number is wanted.");
  return Number(text);
}
