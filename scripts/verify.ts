import type { Command } from "commander";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function verify(program: Command): void {
  program
    .command("verify")
    .description("check a running stack from outside and inside; says what to do about each fault")
    .addArgument(stackArgument())
    .option("--json", "{ok, checks: [{name, ok, detail, fix?}]} as JSON on standard output")
    .addHelpText("after", "\nExample:\n  npx phasewise verify production --json")
    .action((stack: string, options: CommonOptions) =>
      run(options, async (ctx) => {
        const { verifyStack } = await import("../operations/verifyStack.ts");
        const report = await verifyStack(stack, ctx);
        if (options.json) printJson(report);
        else {
          const { verifyTable, verdict } = await import("./verifyTable.ts");
          print(`${await verifyTable(report)}\n${verdict(report, stack)}`);
        }
        return report.ok ? 0 : 1;
      }),
    );
}
