import type { Command } from "commander";
import { print, printJson, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  restore?: string;
  to: string;
  as?: string;
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
    .option("--json", "{stack, cluster, dumps} as JSON on standard output; what was made with --restore")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise dumps production\n  npx phasewise dumps production --restore app --as app_before",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        if (options.restore !== undefined) {
          const { restoreDump } = await import("../operations/dumps/restore.ts");
          const { as, restore: database, to } = options;
          const report = await restoreDump(stack, { database, to, as }, ctx);
          if (options.json) printJson(report);
          else
            print(
              `${report.database} is made of ${database} of ${report.dump.madeAt} (${report.seconds} s).`,
            );
          return 0;
        }
        const { dumpList } = await import("../operations/dumps/list.ts");
        const report = await dumpList(stack, ctx);
        if (options.json) printJson(report);
        else if (report.dumps.length === 0) print(`${stack} has no dumps yet.`);
        else {
          const rows = report.dumps.map(({ bytes, database, databaseBytes, label, madeAt }) => [
            database,
            label,
            madeAt.slice(0, 19).replace("T", " "),
            megabytes(databaseBytes),
            megabytes(bytes),
          ]);
          print(await table(["Of", "Dump", "Made (UTC)", "Database", "Stored"], rows));
        }
        return 0;
      }),
    );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
