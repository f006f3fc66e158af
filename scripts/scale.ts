import { type Command, InvalidArgumentError, Option } from "commander";
import type { ScaleOptions } from "../operations/scale/scale.ts";
import { print, printJson, printLine } from "./output.ts";
import { milliseconds } from "./promote.ts";
import { duration } from "./rollout.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  replicas?: number;
  serverType?: string;
  volume?: number;
  drain: number;
  maxStall: number;
  resume?: boolean;
  dryRun?: boolean;
  yes?: boolean;
}

export function scale(program: Command): void {
  program
    .command("scale")
    .description("change a stack's size while its clients go on")
    .addArgument(stackArgument())
    .option("--replicas <count>", "standbys for reads, from phase 3 on", wholeNumber)
    .option("--server-type <type>", "the type of all machines, as cpx32; one is changed after the other")
    .option("--volume <GB>", "the size of the data volumes; they only grow", wholeNumber)
    .addOption(
      new Option("--drain <time>", "how long clients may stay on a gateway until they leave by themselves")
        .argParser(duration)
        .default(60, "60s"),
    )
    .addOption(
      new Option("--max-stall <time>", "how long clients may be held while a primary moves, as 1s or 500ms")
        .argParser(milliseconds)
        .default(1000, "1s"),
    )
    .option("--resume", "go on with a change of size that was cut off or failed")
    .option("--dry-run", "show what would be done, and the price")
    .option("-y, --yes", "do not ask before anything is changed")
    .option("--json", "the report (with --dry-run the plan) as JSON on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise scale production --replicas 2 --dry-run\n  npx phasewise scale production --volume 40\n  npx phasewise scale production --server-type cpx32",
    )
    .action((stack: string, options: Options) => run(options, (ctx) => work(stack, options, ctx)));
}

async function work(
  stack: string,
  { drain, dryRun, json, maxStall, replicas, resume, serverType, volume, yes }: Options,
  ctx: Parameters<Parameters<typeof run>[1]>[0],
): Promise<number> {
  if (!yes && !dryRun) requireTerminal(`npx phasewise scale ${stack}`);
  const operations = await import("../operations/scale/scale.ts");
  const { planText } = await import("../operations/scale/plan.ts");
  const asked: ScaleOptions = {
    changed: {
      ...(replicas === undefined ? {} : { replicas }),
      ...(serverType === undefined ? {} : { serverType }),
      ...(volume === undefined ? {} : { volumeGb: volume }),
    },
    resume,
    drainSeconds: drain,
    maxStallMs: maxStall,
  };
  if (dryRun) {
    const plan = await operations.planScale(stack, asked, ctx);
    if (json) printJson(plan);
    else print(planText(plan));
    return 0;
  }
  const confirm: ScaleOptions["confirm"] = async (plan) => {
    printLine(planText(plan));
    return yes || (await ask("Go on?"));
  };
  const { file, report } = await operations.scale(stack, { ...asked, confirm }, ctx);
  const { isUnhurt } = await import("../operations/rollout/clients.ts");
  const { reportText } = await import("../operations/scale/report.ts");
  if (json) printJson(report);
  else print(`${reportText(report)}\n  kept     ${file}`);
  return isUnhurt(report) ? 0 : 1;
}

function wholeNumber(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("give a whole number.");
}
