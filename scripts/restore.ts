import { type Command, InvalidArgumentError } from "commander";
import type { OperationContext } from "../operations/context.ts";
import type { RestoreReport } from "../operations/restore/restore.ts";
import { Problem } from "../toolchain/problem.ts";
import { print, printJson } from "./output.ts";
import { repositoryNumber } from "./repositoryNumber.ts";
import { type BesideFlags, beside } from "./restoreBeside.ts";
import { restoreCache } from "./restoreCache.ts";
import { forgetOld, type InPlaceFlags, inPlace } from "./restoreInPlace.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions, InPlaceFlags, BesideFlags {
  to?: string;
  cluster?: string;
  repository?: number;
  cache?: string;
  type?: string;
  /** Hours; true stands for a day. */
  keep?: number | true;
  database?: string;
  table?: string;
  as?: string;
}

export function restore(program: Command): void {
  program
    .command("restore")
    .description(
      "restore a backup: to a throw-away machine (nothing else is touched), one table or database of it, into a new stack, or in place",
    )
    .addArgument(stackArgument())
    .option(
      "--to <target>",
      "latest (the default), a time (UTC), a place in the log, or a restore point's name",
    )
    .option("--keep [hours]", "let the machine stay, for a day if nothing is said", hours)
    .option("--type <type>", "server type of the machine; one that is large enough if left out")
    .option("--cluster <name>", "which cluster, where there are several")
    .option(
      "--repository <number>",
      "out of repository 1 or 2; the first that answers if left out",
      repositoryNumber,
    )
    .option("--table <schema.name>", "copy this table from there into the stack, which goes on")
    .option("--database <name>", "copy this database from there into the stack; with --table, where that is")
    .option("--as <name>", "what the copy is called, where the stack has something of that name")
    .option("--cache <name>", "a Redis instead, over its own data: asks first, and keeps the old data aside")
    .option(
      "--beside <new-stack>",
      "into a new stack, which goes on by itself; asks first. Run it again where it was cut off",
    )
    .option(
      "--in-place",
      "restore over the data of the stack itself; asks first, and keeps the old data aside",
    )
    .option("--on <machine>", "in place: the member whose data is restored; the primary if left out")
    .option("--discard-old", "in place: keep no old data, where there is no room for it")
    .option("--back [id]", "go back to the data that a restore in place kept, the newest if nothing is said")
    .option("--forget-old [id]", "remove the data that restores in place kept, all of it if nothing is said")
    .option("--resume", "go on with a restore in place that was cut off or failed")
    .option("--abort", "take back a restore in place that was cut off or failed")
    .option("-y, --yes", "do not ask before anything is changed")
    .option("--json", "the result as JSON on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise restore production --to 2026-11-21T09:30:00Z --keep\n" +
        "  npx phasewise restore production --to 2026-11-21T09:30:00Z --table public.orders --as public.orders_before\n" +
        "  npx phasewise restore production --to before-migration-42 --in-place\n" +
        "  npx phasewise restore production --to 2026-11-21T09:30:00Z --beside production-before\n" +
        "  npx phasewise restore production --cache cache --to latest",
    )
    .action((stack: string, options: Options) => run(options, (ctx) => work(stack, options, ctx)));
}

async function work(stack: string, options: Options, ctx: OperationContext): Promise<number> {
  requireOneWay(options);
  if (options.cache !== undefined) return await restoreCache(stack, options.cache, options, ctx);
  if (options.forgetOld) return await forgetOld(stack, options, ctx);
  if (options.inPlace || options.back || options.resume || options.abort)
    return await inPlace(stack, options, ctx);
  if (options.beside !== undefined) return await beside(stack, options.beside, options, ctx);
  const { restoreToScratch } = await import("../operations/restore/restore.ts");
  const { as, cluster, database, keep, repository, table, to = "latest", type } = options;
  const report = await restoreToScratch(
    stack,
    {
      to,
      ...(cluster === undefined ? {} : { cluster }),
      ...(type === undefined ? {} : { serverType: type }),
      ...(repository === undefined ? {} : { repository }),
      ...(as === undefined ? {} : { as }),
      ...(database === undefined ? {} : { database }),
      ...(table === undefined ? {} : { table }),
      ...(keep === undefined ? {} : { keepHours: keep === true ? 24 : keep }),
    },
    ctx,
  );
  if (options.json) printJson(report);
  else show(report);
  return 0;
}

/** @throws Problem (exit 2) where a copy is asked for together with a way that brings back everything. */
function requireOneWay(options: Options): void {
  const copies = (["table", "database", "as"] as const).filter((name) => options[name] !== undefined);
  if (options.cache !== undefined) requireCacheAlone(options);
  const whole = [
    ...(options.inPlace ? ["--in-place"] : []),
    ...(options.back ? ["--back"] : []),
    ...(options.forgetOld ? ["--forget-old"] : []),
    ...(options.resume ? ["--resume"] : []),
    ...(options.abort ? ["--abort"] : []),
    ...(options.beside === undefined ? [] : ["--beside"]),
  ];
  if (options.beside !== undefined) requireBesideAlone(options);
  if (copies.length === 0 || whole.length === 0) return;
  throw new Problem({
    happened: `${copies.map((name) => `--${name}`).join(", ")} and ${whole.join(", ")} do not go together.`,
    left: "Nothing was touched.",
    todo: ["A table or a database comes out of a throw-away machine: leave the other away."],
    exitCode: 2,
  });
}

/** @throws Problem (exit 2) where another way than into a new stack is asked for, too. */
function requireBesideAlone(options: Options): void {
  const known = ["beside", "to", "cluster", "repository", "yes", "json", "debug", "table", "database", "as"];
  const others = flagsOf(Object.keys(options).filter((name) => !known.includes(name)));
  if (others.length === 0) return;
  throw new Problem({
    happened: `--beside and ${others.join(", ")} do not go together.`,
    left: "Nothing was touched.",
    todo: [
      "A restore into a new stack takes --to, --cluster, --repository and --yes: leave the others away.",
    ],
    exitCode: 2,
  });
}

function flagsOf(names: string[]): string[] {
  return names.map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
}

/** @throws Problem (exit 2) where what belongs to a database is asked for with a cache. */
function requireCacheAlone(options: Options): void {
  const others = Object.keys(options).filter(
    (name) => !["cache", "repository", "to", "yes", "json", "debug"].includes(name),
  );
  if (others.length === 0) return;
  const flags = flagsOf(others);
  throw new Problem({
    happened: `--cache and ${flags.join(", ")} do not go together.`,
    left: "Nothing was touched.",
    todo: ["A cache's restore takes --to, --repository and --yes: leave the others away."],
    exitCode: 2,
  });
}

function hours(value: string): number {
  const given = Number(value);
  if (Number.isFinite(given) && given > 0 && given <= 24 * 30) return given;
  throw new InvalidArgumentError("It takes a number of hours, 720 at most.");
}

function show({
  backup,
  cluster,
  copy,
  databases,
  machine,
  reached,
  repository,
  seconds,
  stack,
  target,
}: RestoreReport): void {
  const sizes = databases.map(({ name, bytes }) => `${name} ${(bytes / 1024 ** 2).toFixed(1)} MB`).join(", ");
  print(
    `${cluster} is restored to ${target} in ${seconds} s, from the backup ${backup}${repository === 1 ? "" : ` in repository ${repository}`}: ${sizes}.`,
  );
  print(
    `Its last transaction: ${reached.time ?? "none after the backup"}, the log up to ${reached.lsn ?? "the backup's end"}.`,
  );
  for (const { as, copied, table } of copy?.tables ?? [])
    print(`${copy!.database} has ${as}${as === table ? "" : ` (${table})`} again: ${copied} rows.`);
  if (machine === null) return;
  print(
    `${machine.name} (${machine.address}) stays until ${machine.until.slice(0, 16).replace("T", " ")} UTC:`,
  );
  print(`  npx phasewise scratch ${stack} -- psql app       a shell in it`);
  print(`  npx phasewise scratch ${stack} --remove          away with it`);
}
