import { type Command, InvalidArgumentError } from "commander";
import type { RestoreReport } from "../operations/restore/restore.ts";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  to: string;
  cluster?: string;
  type?: string;
  /** Hours; true stands for a day. */
  keep?: number | true;
}

export function restore(program: Command): void {
  program
    .command("restore")
    .description("restore a backup to a throw-away machine; the stack itself is not touched")
    .addArgument(stackArgument())
    .option("--to <target>", "latest, a time (UTC), a place in the log, or a restore point's name", "latest")
    .option("--keep [hours]", "let the machine stay, for a day if nothing is said", hours)
    .option("--type <type>", "server type of the machine; that of the stack if left out")
    .option("--cluster <name>", "which cluster, where there are several")
    .option("--json", "the result as JSON on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise restore production --to 2026-11-21T09:30:00Z --keep\n" +
        "  npx phasewise scratch production -- pg_dump -t orders app > orders.sql",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const { restoreToScratch } = await import("../operations/restore/restore.ts");
        const report = await restoreToScratch(
          stack,
          {
            to: options.to,
            ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
            ...(options.type === undefined ? {} : { serverType: options.type }),
            ...(options.keep === undefined ? {} : { keepHours: options.keep === true ? 24 : options.keep }),
          },
          ctx,
        );
        if (options.json) printJson(report);
        else show(report);
        return 0;
      }),
    );
}

function hours(value: string): number {
  const given = Number(value);
  if (Number.isFinite(given) && given > 0 && given <= 24 * 30) return given;
  throw new InvalidArgumentError("It takes a number of hours, 720 at most.");
}

function show({ backup, cluster, databases, machine, reached, seconds, stack, target }: RestoreReport): void {
  const sizes = databases.map(({ name, bytes }) => `${name} ${(bytes / 1024 ** 2).toFixed(1)} MB`).join(", ");
  print(`${cluster} is restored to ${target} in ${seconds} s, from the backup ${backup}: ${sizes}.`);
  print(
    `Its last transaction: ${reached.time ?? "none after the backup"}, the log up to ${reached.lsn ?? "the backup's end"}.`,
  );
  if (machine === null) return;
  print(
    `${machine.name} (${machine.address}) stays until ${machine.until.slice(0, 16).replace("T", " ")} UTC:`,
  );
  print(`  npx phasewise scratch ${stack} -- psql app       a shell in it`);
  print(`  npx phasewise scratch ${stack} --remove          away with it`);
}
