import { type Command, Option } from "commander";
import type { GuardReport } from "../operations/guard/guard.ts";
import { Problem } from "../toolchain/problem.ts";
import { print, printJson } from "./output.ts";
import { passedThrough } from "./passThrough.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  check: string[];
  undo?: string;
  onFailure: "restore" | "keep" | "ask";
}

export function guard(program: Command): void {
  program
    .command("guard")
    .description(
      "run a risky command behind a restore point: look at everything afterwards, lead back if it failed",
    )
    .addArgument(stackArgument())
    .option("--check <sql>", "SQL that must give true, before and after; may be repeated", collect, [])
    .option("--undo <command>", "takes the change back (L1), by the shell; 5 minutes at most")
    .addOption(
      new Option("--on-failure <what>", "lead back by itself, keep what is there, or ask before each level")
        .choices(["restore", "keep", "ask"])
        .default("ask"),
    )
    .option("--json", "the report as JSON on standard output")
    .addHelpText(
      "after",
      "\nThe command finds the owner's URL in DATABASE_URL and in libpq's variables.\n" +
        "Ways back: L1 --undo (5 min), L2 drop the indexes that it made (15 min), L3 restore in place (60 min).\n" +
        "\nExamples:\n  npx phasewise guard production -- ./migrate up\n" +
        "  npx phasewise guard production --check 'SELECT count(*) > 0 FROM orders' --undo './migrate down' --on-failure restore -- ./migrate up",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const command = passedThrough();
        if (command.length === 0) throw withoutCommand(stack);
        if (options.onFailure === "ask") requireTerminal(`npx phasewise guard ${stack} --on-failure keep`);
        const operations = await import("../operations/guard/guard.ts");
        const report = await operations.guard(
          stack,
          {
            command,
            checks: options.check,
            undo: options.undo,
            onFailure: options.onFailure,
            quiet: options.json === true,
            confirm: (level, title) => ask(`${level}: ${title}?`),
          },
          ctx,
        );
        if (options.json) printJson(report);
        else show(report);
        return report.ok ? 0 : report.command.code || 1;
      }),
    );
}

function collect(value: string, all: string[]): string[] {
  return [...all, value];
}

function withoutCommand(stack: string): Problem {
  return new Problem({
    happened: "The command that is to be guarded is missing.",
    left: "Nothing was done.",
    todo: [`npx phasewise guard ${stack} -- ./migrate up`],
    exitCode: 2,
  });
}

function show({ back, command, faults, ok, point, stack }: GuardReport): void {
  if (ok) {
    print(`All is well after ${command.seconds} s. The restore point ${point} stays.`);
    return;
  }
  for (const fault of faults) print(`failed: ${fault}`);
  for (const { detail, level, limitSeconds, seconds, state } of back)
    print(`${level} ${state} after ${seconds} s (limit ${limitSeconds} s): ${detail}`);
  if (back.at(-1)?.state === "recovered") print(`${stack} is as it was before the command.`);
  else print(`Nothing was taken back. To go back: npx phasewise restore ${stack} --to ${point} --in-place`);
}
