import type { Command } from "commander";
import { print, printJson, table } from "./output.ts";
import { passedThrough } from "./passThrough.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  machine?: string;
  remove?: boolean;
}

export function scratch(program: Command): void {
  program
    .command("scratch")
    .description(
      "the throw-away machines of a stack: list them, run something there as postgres, remove them",
    )
    .addArgument(stackArgument())
    .option("--machine <name>", "which one; the newest if left out")
    .option("--remove", "remove it; all of them without --machine")
    .option("--json", "the list as JSON on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise scratch production\n  npx phasewise scratch production -- psql app\n" +
        "  npx phasewise scratch production -- pg_dump -t orders app > orders.sql\n  npx phasewise scratch production --remove",
    )
    .action((stack: string, options: Options) => {
      const command = passedThrough();
      return run(
        options,
        async (ctx) => {
          const operations = await import("../operations/restore/scratchMachines.ts");
          if (command.length > 0) return operations.runOnScratch(stack, options.machine, command, ctx);
          if (options.remove) {
            for (const name of await operations.removeScratches(stack, options.machine, ctx))
              print(`${name} is removed.`);
            return 0;
          }
          const machines = await operations.scratchMachines(stack, ctx);
          if (options.json) printJson({ stack, machines });
          else if (machines.length === 0) print(`${stack} has no throw-away machines.`);
          else
            print(
              await table(
                ["Machine", "Address", "Stays until (UTC)"],
                machines.map(({ name, address, until }) => [
                  name,
                  address,
                  until.slice(0, 16).replace("T", " "),
                ]),
              ),
            );
          return 0;
        },
        command.length > 0 ? "shell" : "work",
      );
    });
}
