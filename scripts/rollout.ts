import type { Command } from "commander";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function rollout(program: Command): void {
  program
    .command("rollout")
    .description("do the restarts that wait, one machine at a time, each primary last")
    .addArgument(stackArgument())
    .option("--json", "{stack, restarted, pending} as JSON on standard output")
    .addHelpText("after", "\nExample:\n  npx phasewise rollout production")
    .action((stack: string, options: CommonOptions) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/rollout.ts");
        const report = await operations.rollout(stack, ctx);
        const { restarted, pending } = report;
        if (options.json) printJson(report);
        else if (restarted.length === 0) print(`${stack}: no restart waits.`);
        else print(`${stack}: ${restarted.length} restarted, ${pending.length} still wait.`);
        return pending.length === 0 ? 0 : 1;
      }),
    );
}
