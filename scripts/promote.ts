import { type Command, InvalidArgumentError, Option } from "commander";
import type { PromoteOptions } from "../operations/promote/promote.ts";
import { print, printJson, printLine } from "./output.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  to?: number;
  resume?: boolean;
  abort?: boolean;
  dryRun?: boolean;
  last?: boolean;
  pauseBefore?: string;
  maxStall: number;
  yes?: boolean;
}

export function promote(program: Command): void {
  program
    .command("promote")
    .description("bring a stack to another phase while its clients go on")
    .addArgument(stackArgument())
    .option("--to <phase>", "the phase to go to, up or down by one", phaseNumber)
    .option("--resume", "go on with a promotion that was cut off or failed")
    .option("--abort", "take back a promotion that was cut off or failed")
    .option("--dry-run", "show what would be done, and whether anything stands in the way")
    .option("--last", "show the record of the last run, from whichever machine it was made")
    .option("--pause-before <step>", "stop before this step, with everything recorded")
    .addOption(
      new Option("--max-stall <time>", "how long clients may be held, as 1s or 500ms")
        .argParser(milliseconds)
        .default(1000, "1s"),
    )
    .option("-y, --yes", "do not ask before anything is changed")
    .option(
      "--json",
      "the report (with --dry-run the plan, with --last the record) as JSON on standard output",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise promote production --to 2 --dry-run\n  npx phasewise promote production --to 2\n  npx phasewise promote production --resume",
    )
    .action((stack: string, options: Options) => run(options, (ctx) => work(stack, options, ctx)));
}

async function work(
  stack: string,
  options: Options,
  ctx: Parameters<Parameters<typeof run>[1]>[0],
): Promise<number> {
  if (options.last) return await last(stack, options, ctx);
  if (!options.yes && !options.dryRun) requireTerminal(commandLine(stack, options));
  const operations = await import("../operations/promote/promote.ts");
  const { planText } = await import("../operations/promote/plan.ts");
  const { abort, maxStall, pauseBefore, resume, to } = options;
  const asked: PromoteOptions = { abort, maxStallMs: maxStall, pauseBefore, resume, to };
  if (options.dryRun) {
    const plan = await operations.planPromotion(stack, asked, ctx);
    if (options.json) printJson(plan);
    else print(planText(plan));
    return 0;
  }
  const confirm: PromoteOptions["confirm"] = async (plan) => {
    printLine(planText(plan));
    return options.yes || (await ask(abort ? "Take it back?" : "Go on?"));
  };
  const { report, file } = await operations.promote(stack, { ...asked, confirm }, ctx);
  const { reportText, resultOf } = await import("../operations/promote/report.ts");
  if (options.json) {
    printJson(resultOf(report));
    for (const sample of report.canary.samples) printLine(`canary: ${sample}`);
  } else print(`\n${reportText(report)}\n  kept     ${file}`);
  return report.canary.missing === 0 && report.canary.errors === 0 ? 0 : 1;
}

async function last(
  stack: string,
  { json }: Options,
  ctx: Parameters<Parameters<typeof run>[1]>[0],
): Promise<number> {
  const { lastRecord } = await import("../operations/promote/record.ts");
  const record = await lastRecord(stack, ctx);
  if (json) printJson(record);
  else print((await import("../operations/promote/report.ts")).recordText(record));
  return 0;
}

function commandLine(stack: string, { abort, resume, to }: Options): string {
  const what = abort ? "--abort" : resume ? "--resume" : `--to ${to ?? "2"}`;
  return `npx phasewise promote ${stack} ${what}`;
}

function phaseNumber(text: string): number {
  if (/^[1-5]$/.test(text)) return Number(text);
  throw new InvalidArgumentError("a phase is a number from 1 to 5.");
}

/** @param text As 1s, 0.5s or 250ms. */
export function milliseconds(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text) ?? [];
  const value = Number(amount) * (unit === "s" ? 1000 : 1);
  if (value >= 50 && value <= 60_000) return value;
  throw new InvalidArgumentError("give a time from 50ms to 60s, as 1s or 500ms.");
}
