import type { Command } from "commander";
import { print, printJson, styled, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  cluster?: string;
  type?: string;
}

export function drill(program: Command): void {
  program
    .command("drill")
    .description("restore the newest backup to a throw-away machine, look at it, measure RTO and RPO")
    .addArgument(stackArgument())
    .option("--type <type>", "server type of the machine; that of the stack if left out")
    .option("--cluster <name>", "which cluster, where there are several")
    .option("--json", "{ok, rtoSeconds, rpoSeconds, rowsMissing, checks} as JSON on standard output")
    .addHelpText(
      "after",
      "\nThe report is kept in the bucket; verify fails when the last good one is too old. Exit code 1: it is not good.\n\nExample:\n  npx phasewise drill production --json",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/drill/restoreDrill.ts");
        const report = await operations.drill(
          stack,
          {
            ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
            ...(options.type === undefined ? {} : { serverType: options.type }),
          },
          ctx,
        );
        if (options.json) printJson(report);
        else {
          const rows = report.checks.map(({ detail, name, ok }) => [
            ok ? styled("green", "ok") : styled("red", "FAIL"),
            name,
            detail,
          ]);
          print(await table(["", "Check", "Found"], rows));
          print(
            report.ok
              ? styled("green", `${report.backup} of ${stack} can be restored.`)
              : styled("red", `The drill of ${stack} failed.`),
          );
        }
        return report.ok ? 0 : 1;
      }),
    );
}
