import type { Command } from "commander";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  database?: string;
}

export function dump(program: Command): void {
  program
    .command("dump")
    .description("dump the stack's databases into the bucket now (pg_dump, encrypted), and wait for it")
    .addArgument(stackArgument())
    .option("--database <name>", "this one alone; those of backup.dumps if left out")
    .option("--json", "{stack, cluster, machine, dumps, seconds} as JSON on standard output")
    .addHelpText("after", "\nExample:\n  npx phasewise dump production --database app")
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const { dumpNow } = await import("../operations/dumps/make.ts");
        const report = await dumpNow(stack, options.database, ctx);
        if (options.json) printJson(report);
        for (const { bytes, database, label } of options.json ? [] : report.dumps)
          print(`${database}: ${label} is made on ${report.machine} (${bytes} bytes, ${report.seconds} s).`);
        return 0;
      }),
    );
}
