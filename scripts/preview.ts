import type { Command } from "commander";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  refresh?: boolean;
}

export function preview(program: Command): void {
  program
    .command("preview")
    .description("show what `up` would change; changes nothing")
    .addArgument(stackArgument())
    .option(
      "--refresh",
      "ask the cloud, the machines and the clusters first: shows what was changed by hand, too",
    )
    .option("--json", "{stack, changes, resources, price, drift} as JSON on standard output")
    .addHelpText("after", "\nExample:\n  npx phasewise preview production")
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/deploy/preview.ts");
        const { changesText } = await import("../operations/deploy/changes.ts");
        const report = await operations.previewStack(stack, { refresh: options.refresh === true }, ctx);
        if (options.json) {
          printJson(report);
          return 0;
        }
        print(`${stack}: ${changesText(report.changes, "planned")}`);
        const { costTable } = await import("./cost.ts");
        if (report.price) print(`\n${await costTable(report.price)}`);
        return 0;
      }),
    );
}
