import { type Command, Option } from "commander";
import type { BackupType } from "../operations/backup.ts";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  type: BackupType;
}

export function backup(program: Command): void {
  program
    .command("backup")
    .description("make a backup now and wait for it")
    .addArgument(stackArgument())
    .addOption(
      new Option("--type <type>", "all, or what differs from the last full one")
        .choices(["full", "diff"])
        .default("diff"),
    )
    .option("--json", "{stack, backups} as JSON on standard output")
    .addHelpText("after", "\nExample:\n  npx phasewise backup production --type full")
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const { backupNow } = await import("../operations/backup.ts");
        const report = await backupNow(stack, options.type, ctx);
        if (options.json) printJson(report);
        else
          for (const { cluster, label, seconds } of report.backups)
            print(`${cluster}: ${label} is made (${seconds} s).`);
        return 0;
      }),
    );
}
