import type { Command } from "commander";
import { print, printJson } from "./output.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  yes?: boolean;
}

export function destroy(program: Command): void {
  program
    .command("destroy")
    .description("delete everything of a stack, its data included")
    .addArgument(stackArgument())
    .option("-y, --yes", "do not ask")
    .option("--json", "{stack, changes, seconds} as JSON on standard output")
    .addHelpText(
      "after",
      "\nA stack with phasewise:deletionProtection is not touched: it says how the protection is lifted.\n\nExample:\n  npx phasewise destroy dev --yes",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        if (!options.yes) requireTerminal(`npx phasewise destroy ${stack}`);
        const operations = await import("../operations/deploy/destroy.ts");
        const question = (count: number) => `${stack}: delete all ${count} resources and their data?`;
        const confirm = (count: number) => ask(question(count));
        const report = await operations.destroy(stack, options.yes ? {} : { confirm }, ctx);
        if (options.json) printJson(report);
        else print(`${stack} is gone: ${report.changes.delete} deleted in ${report.seconds} s.`);
        return 0;
      }),
    );
}
