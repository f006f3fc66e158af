import type { Command } from "commander";
import type { DumpList } from "../operations/dumps/list.ts";
import { print, printJson, table } from "./output.ts";
import { repositoryNumber } from "./repositoryNumber.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  restore?: string;
  to: string;
  as?: string;
  repository?: number;
}

export function dumps(program: Command): void {
  program
    .command("dumps")
    .description("list the dumps that there are, or make a new database out of one")
    .addArgument(stackArgument())
    .option("--restore <database>", "make a database out of a dump of this one, on the primary")
    .option(
      "--to <time>",
      "with --restore: latest, a dump's name, or a time: the newest until then",
      "latest",
    )
    .option("--as <name>", "with --restore: the new database's name; nothing that is there is overwritten")
    .option(
      "--repository <number>",
      "with --restore: out of repository 1 or 2; the first that has it if left out",
      repositoryNumber,
    )
    .option(
      "--json",
      "{stack, cluster, repositories, dumps} as JSON on standard output; what was made with --restore",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise dumps production\n  npx phasewise dumps production --restore app --as app_before",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        if (options.restore !== undefined) {
          const { restoreDump } = await import("../operations/dumps/restore.ts");
          const { as, repository, restore: database, to } = options;
          const report = await restoreDump(stack, { database, to, as, repository }, ctx);
          if (options.json) printJson(report);
          else
            print(
              `${report.database} is made of ${database} of ${report.dump.madeAt}${report.repository === 1 ? "" : ` in repository ${report.repository}`} (${report.seconds} s).`,
            );
          return 0;
        }
        const { dumpList } = await import("../operations/dumps/list.ts");
        const report = await dumpList(stack, ctx);
        if (options.json) printJson(report);
        else if (report.dumps.length === 0) print(`${stack} has no dumps yet.`);
        else await show(report);
        return 0;
      }),
    );
}

async function show({ dumps: all, repositories }: DumpList): Promise<void> {
  const several = repositories > 1;
  const rows = all.map((one) => [
    one.database,
    one.label,
    one.madeAt.slice(0, 19).replace("T", " "),
    megabytes(one.databaseBytes),
    megabytes(one.bytes),
    ...(several ? [one.repositories.join(", ")] : []),
  ]);
  const heads = ["Of", "Dump", "Made (UTC)", "Database", "Stored"];
  print(await table(several ? [...heads, "Repositories"] : heads, rows));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
