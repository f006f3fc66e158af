import type { Command } from "commander";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function restorePoint(program: Command): void {
  program
    .command("restore-point")
    .description("name this moment, so that a restore can come back to it; for before a risky change")
    .argument("<name>", "as before-migration-42")
    .addArgument(stackArgument())
    .option("--json", "{stack, name, points} as JSON on standard output")
    .addHelpText(
      "after",
      "\nExample:\n  npx phasewise restore-point before-migration-42 production\n" +
        "  npx phasewise restore production --to before-migration-42",
    )
    .action((name: string, stack: string, options: CommonOptions) =>
      run(options, async (ctx) => {
        const { makeRestorePoint } = await import("../operations/restore/restorePoint.ts");
        const report = await makeRestorePoint(stack, name, ctx);
        if (options.json) printJson(report);
        else
          for (const { cluster, lsn, time, archivedAfter } of report.points)
            print(
              `${cluster}: ${name} is ${time} (${lsn}), in the archive after ${archivedAfter.toFixed(1)} s.`,
            );
        return 0;
      }),
    );
}
