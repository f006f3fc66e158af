import type { Command } from "commander";
import { Problem } from "../toolchain/problem.ts";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  out?: string;
  open?: string;
  identity?: string;
}

export function recoveryKit(program: Command): void {
  program
    .command("recovery-kit")
    .description("one encrypted file that rebuilds the stack from its bucket alone: make it, or open one")
    .addArgument(stackArgument())
    .option("--out <path>", "write it to this file, too; with --open, the folder for its parts")
    .option("--open <file>", "take a kit apart instead of making one")
    .option("--identity <file>", "with --open: the age key that it is for")
    .option("--json", "the result as JSON on standard output")
    .addHelpText(
      "after",
      "\nIt is encrypted for recovery.recipients of the stack's file in the age format.\n\nExamples:\n" +
        "  npx phasewise recovery-kit production --out kit.age\n" +
        "  npx phasewise recovery-kit --open kit.age --identity recovery.key --out kit/",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/recoveryKit/recoveryKit.ts");
        if (options.open !== undefined) {
          requireOpening(options);
          const files = await operations.openKit(options.open, options.identity!, options.out!);
          if (options.json) printJson({ files });
          else for (const file of files) print(file);
          return 0;
        }
        const report = await operations.makeKit(stack, options.out ?? null, ctx);
        if (options.json) printJson(report);
        else {
          const people = `${report.recipients.length} recipient${report.recipients.length === 1 ? "" : "s"}`;
          print(
            `The recovery kit of ${stack} is made for ${people}: ${report.key} in ${report.buckets.map((name) => `the bucket ${name}`).join(" and ")}.`,
          );
          if (report.file !== null) print(`It is in ${report.file}, too: keep it outside of Hetzner.`);
        }
        return 0;
      }),
    );
}

function requireOpening(options: Options): void {
  const missing = (["identity", "out"] as const).filter((name) => options[name] === undefined);
  if (missing.length === 0) return;
  throw new Problem({
    happened: `--open needs ${missing.map((name) => `--${name}`).join(" and ")} too.`,
    left: "Nothing was opened.",
    todo: ["npx phasewise recovery-kit --open kit.age --identity recovery.key --out kit/"],
    exitCode: 2,
  });
}
