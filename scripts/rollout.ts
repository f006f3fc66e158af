import { type Command, InvalidArgumentError, Option } from "commander";
import type { RolloutOptions } from "../operations/rollout/rollout.ts";
import { KINDS, type Kind } from "../operations/rollout/work.ts";
import { print, printJson, printLine } from "./output.ts";
import { milliseconds } from "./promote.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  only?: Kind[];
  reboot?: boolean;
  drain: number;
  maxStall: number;
  resume?: boolean;
  abort?: boolean;
  dryRun?: boolean;
  pauseBefore?: string;
  yes?: boolean;
}

export function rollout(program: Command): void {
  program
    .command("rollout")
    .description("do the planned work that waits, one machine at a time, each primary last")
    .addArgument(stackArgument())
    .addOption(
      new Option("--only <kinds>", `some kinds of work only, with commas: ${KINDS.join(", ")}`).argParser(
        kinds,
      ),
    )
    .option("--reboot", "reboot every machine, whether it has to or not")
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
    .option("--resume", "go on with a rollout that was cut off or failed")
    .option("--abort", "give up a rollout that was cut off or failed; what was done stays")
    .option("--dry-run", "show what would be done, and what clients would notice")
    .option("--pause-before <step>", "stop before this step, with everything recorded")
    .option("-y, --yes", "do not ask before anything is changed")
    .option("--json", "the report (with --dry-run the plan) as JSON on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise rollout production --dry-run\n  npx phasewise rollout production --only restarts\n  npx phasewise rollout production --reboot --drain 10m",
    )
    .action((stack: string, options: Options) => run(options, (ctx) => work(stack, options, ctx)));
}

async function work(
  stack: string,
  options: Options,
  ctx: Parameters<Parameters<typeof run>[1]>[0],
): Promise<number> {
  const { abort, drain, dryRun, json, maxStall, only, pauseBefore, reboot, resume, yes } = options;
  if (!yes && !dryRun) requireTerminal(`npx phasewise rollout ${stack}`);
  const operations = await import("../operations/rollout/rollout.ts");
  const { planText } = await import("../operations/rollout/plan.ts");
  const asked = { abort, drainSeconds: drain, only: only ?? null, reboot: reboot === true, resume };
  if (dryRun) {
    const plan = await operations.planRollout(stack, asked, ctx);
    if (json) printJson(plan);
    else print(plan.machines.length === 0 ? `${stack}: no planned work waits.` : planText(plan));
    return 0;
  }
  const confirm: RolloutOptions["confirm"] = async (plan) => {
    printLine(planText(plan));
    return yes || (await ask(abort ? "Give it up?" : "Go on?"));
  };
  const { file, report } = await operations.rollout(
    stack,
    { ...asked, confirm, maxStallMs: maxStall, pauseBefore },
    ctx,
  );
  const { reportText } = await import("../operations/rollout/report.ts");
  if (json) printJson(report);
  else print(`${reportText(report)}${file === null ? "" : `\n  kept     ${file}`}`);
  return operations.isUnhurt(report) && report.pending.length === 0 ? 0 : 1;
}

function kinds(text: string): Kind[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !KINDS.some((kind) => kind === name));
  if (unknown.length === 0) return names as Kind[];
  throw new InvalidArgumentError(`there is no ${unknown.join(", ")}; give some of ${KINDS.join(", ")}.`);
}

/** @param text As 90s, 10m or 1h. @returns Seconds. */
export function duration(text: string): number {
  const [, amount, unit] = /^(\d+)([smh])$/.exec(text) ?? [];
  const seconds = Number(amount) * { s: 1, m: 60, h: 3600 }[(unit ?? "s") as "s" | "m" | "h"];
  if (seconds >= 0 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError("give a time up to 24h, as 90s, 10m or 1h.");
}
