import type { Command } from "commander";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function preview(program: Command): void {
  program
    .command("preview")
    .description("show what `up` would change; changes nothing")
    .addArgument(stackArgument())
    .option("--json", "{stack, changes, resources} as JSON on standard output")
    .addHelpText("after", "\nExample:\n  npx phasewise preview production")
    .action((stack: string, options: CommonOptions) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/deploy/preview.ts");
        const { changesText } = await import("../operations/deploy/changes.ts");
        const report = await operations.previewStack(stack, ctx);
        if (options.json) printJson(report);
        else print(`${stack}: ${changesText(report.changes, "planned")}`);
        return 0;
      }),
    );
}
