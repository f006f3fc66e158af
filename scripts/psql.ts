import type { Command } from "commander";
import { passedThrough } from "./passThrough.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  role: string;
}

export function psql(program: Command): void {
  program
    .command("psql")
    .description("psql through the clients' endpoint; everything after -- goes to psql")
    .addArgument(stackArgument())
    .option("--role <role>", "application, owner, readonly or monitor", "owner")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise psql dev\n  npx phasewise psql dev -- -c 'SELECT version()'",
    )
    .action((stack: string, options: Options) =>
      run(
        options,
        async (ctx) => {
          const { runPsql } = await import("../operations/shell.ts");
          return runPsql(stack, options.role, passedThrough(), ctx);
        },
        "shell",
      ),
    );
}
