import type { Command } from "commander";
import { print, printJson, styled, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function backups(program: Command): void {
  program
    .command("backups")
    .description("list the backups that there are")
    .addArgument(stackArgument())
    .option(
      "--json",
      "{stack, clusters: [{cluster, repository, status, backups}], caches: [{cache, backups}]} as JSON on standard output",
    )
    .addHelpText("after", "\nExample:\n  npx phasewise backups dev")
    .action((stack: string, options: CommonOptions) =>
      run(options, async (ctx) => {
        const { backupList } = await import("../operations/backup.ts");
        const report = await backupList(stack, ctx);
        if (options.json) {
          printJson(report);
          return 0;
        }
        const several = report.clusters.some(({ repository }) => repository > 1);
        const nameOf = (cluster: string, repository: number) =>
          several ? `${cluster}, repository ${repository}` : cluster;
        const rows = report.clusters.flatMap(({ cluster, repository, backups: list }) =>
          list.map((one) => [
            nameOf(cluster, repository),
            one.faulty ? styled("red", `${one.label} (faulty)`) : one.label,
            one.type,
            one.finishedAt.slice(0, 19).replace("T", " "),
            megabytes(one.databaseBytes),
            megabytes(one.repositoryBytes),
          ]),
        );
        rows.push(
          ...report.caches.flatMap(({ cache, backups: list }) =>
            list.map((one) => [
              several ? `${cache}, repository ${one.repositories.join(" and ")}` : cache,
              one.label,
              "redis",
              one.madeAt.slice(0, 19).replace("T", " "),
              "",
              megabytes(one.bytes),
            ]),
          ),
        );
        for (const { cluster, repository, status } of report.clusters)
          print(`${nameOf(cluster, repository)}: ${status}`);
        if (rows.length > 0)
          print(`\n${await table(["Of", "Backup", "Type", "Made (UTC)", "Database", "Stored"], rows)}`);
        return 0;
      }),
    );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
