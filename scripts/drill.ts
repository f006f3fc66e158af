import { type Command, Option } from "commander";
import { type Loss, losses } from "../operations/drill/lose/journal.ts";
import type { DrillReport } from "../operations/drill/reports.ts";
import { print, printJson, styled, table } from "./output.ts";
import { repositoryNumber } from "./repositoryNumber.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  cluster?: string;
  repository?: number;
  type?: string;
  lose?: Loss;
  identity?: string;
  yes?: boolean;
  printTimer?: boolean;
}

export function drill(program: Command): void {
  program
    .command("drill")
    .description(
      "restore the newest backup to a throw-away machine, or lose a part of the stack and rebuild it",
    )
    .addArgument(stackArgument())
    .addOption(
      new Option("--lose <what>", "make this disaster (embedded stacks only) and rebuild the stack").choices(
        losses,
      ),
    )
    .option("--identity <file>", "the age key of the recovery kit, for --lose everything")
    .option("-y, --yes", "do not ask before anything is lost")
    .option(
      "--print-timer",
      "drill nothing: print systemd units that run the drill each month on this machine",
    )
    .option("--type <type>", "server type of the throw-away machine; that of the stack if left out")
    .option("--cluster <name>", "which cluster, where there are several")
    .option(
      "--repository <number>",
      "prove the backups in repository 1 or 2; the first that answers if left out",
      repositoryNumber,
    )
    .option("--json", "{ok, rtoSeconds, rpoSeconds, rowsMissing, checks} as JSON on standard output")
    .addHelpText(
      "after",
      "\nThe report is kept in the bucket; verify fails when the last good one is too old. Exit code 1: it is not good.\n" +
        "A drill that was killed is run again: what it left is removed, what it lost is rebuilt.\n\n" +
        "Examples:\n  npx phasewise drill production --json\n  npx phasewise drill dev --lose everything --yes",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        if (options.printTimer) return await printTimer(stack, options);
        const report = await (options.lose === undefined
          ? restoreDrill(stack, options, ctx)
          : disaster(stack, options.lose, options, ctx));
        if (options.json) printJson(report);
        else await show(report);
        return report.ok ? 0 : 1;
      }),
    );
}

async function printTimer(stack: string, options: Options): Promise<number> {
  const { drillTimer } = await import("../operations/drill/timer.ts");
  const { nodeBinary, repository } = await import("../toolchain/paths.ts");
  const place = { folder: repository, program: nodeBinary, command: `${repository}/bin/phasewise.mjs` };
  const units = drillTimer(stack, place);
  if (options.json) printJson(units);
  else for (const { path, text } of [units.service, units.timer]) print(`# ${path}\n${text}`);
  return 0;
}

type Context = Parameters<Parameters<typeof run>[1]>[0];

async function restoreDrill(
  stack: string,
  { cluster, repository, type }: Options,
  ctx: Context,
): Promise<DrillReport> {
  const operations = await import("../operations/drill/restoreDrill.ts");
  const wanted = {
    ...(cluster === undefined ? {} : { cluster }),
    ...(type === undefined ? {} : { serverType: type }),
    ...(repository === undefined ? {} : { repository }),
  };
  return await operations.drill(stack, wanted, ctx);
}

async function disaster(
  stack: string,
  loss: Loss,
  { identity, yes }: Options,
  ctx: Context,
): Promise<DrillReport> {
  if (!yes) requireTerminal(`npx phasewise drill ${stack} --lose ${loss}`);
  const { lose } = await import("../operations/drill/lose/lose.ts");
  const confirm = (what: string) => ask(`${stack}: ${what}. Go on?`);
  return await lose(
    stack,
    { loss, ...(identity === undefined ? {} : { identity }), ...(yes ? {} : { confirm }) },
    ctx,
  );
}

async function show(report: DrillReport): Promise<void> {
  const rows = report.checks.map(({ detail, name, ok }) => [
    ok ? styled("green", "ok") : styled("red", "FAIL"),
    name,
    detail,
  ]);
  print(await table(["", "Check", "Found"], rows));
  const good =
    report.lost === null
      ? `${report.backup} of ${report.stack} can be restored.`
      : `${report.stack} was rebuilt within ${report.rtoSeconds} s after it lost ${report.lost}.`;
  print(report.ok ? styled("green", good) : styled("red", `The drill of ${report.stack} failed.`));
}
