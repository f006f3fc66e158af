import { type Command, Option } from "commander";
import type { BackupType } from "../operations/backup.ts";
import type { OperationContext } from "../operations/context.ts";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  cache?: string;
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
    .option("--cache <name>", "of this Redis instead of the database")
    .option("--json", "{stack, backups} as JSON on standard output")
    .addHelpText("after", "\nExample:\n  npx phasewise backup production --type full")
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        if (options.cache !== undefined) return await backupCache(stack, options.cache, options, ctx);
        const { backupNow } = await import("../operations/backup.ts");
        const report = await backupNow(stack, options.type, ctx);
        if (options.json) printJson(report);
        else
          for (const { cluster, label, repository, seconds } of report.backups)
            print(
              `${cluster}: ${label} is made${repository === 1 ? "" : ` in repository ${repository}`} (${seconds} s).`,
            );
        return 0;
      }),
    );
}

async function backupCache(
  stack: string,
  cache: string,
  options: Options,
  ctx: OperationContext,
): Promise<number> {
  const { backupCacheNow } = await import("../operations/cacheBackups/make.ts");
  const made = await backupCacheNow(stack, cache, ctx);
  if (options.json) printJson({ stack, backups: [made] });
  else print(`${made.cache}: ${made.label} is made (${made.bytes} bytes, ${made.seconds} s).`);
  return 0;
}
