import type { Command } from "commander";
import { passedThrough } from "./passThrough.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function ssh(program: Command): void {
  program
    .command("ssh")
    .description("a shell on a machine, or a command on it after --")
    .addArgument(stackArgument())
    .argument("[machine]", "its name; without one, the first")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise ssh dev\n  npx phasewise ssh dev core-1 -- systemctl --failed",
    )
    .action((stack: string, machine: string | undefined, options: CommonOptions) =>
      run(
        options,
        async (ctx) => {
          const { runSsh } = await import("../operations/shell.ts");
          return runSsh(stack, machine, passedThrough(), ctx);
        },
        "shell",
      ),
    );
}
