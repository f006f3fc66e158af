import type { Command } from "commander";
import type { RecoverReport } from "../operations/recoveryKit/recover.ts";
import { print, printJson } from "./output.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";

interface Options extends CommonOptions {
  identity: string;
  yes?: boolean;
  up: boolean;
  verify: boolean;
}

export function recover(program: Command): void {
  program
    .command("recover")
    .description("rebuild a stack from its recovery kit and its bucket, where nothing else is left")
    .argument(
      "<kit>",
      "the kit: phasewise/recovery-kit/<stack>.age of the bucket, fetched with any S3 client",
    )
    .requiredOption("--identity <file>", "the age key that the kit is for")
    .option("-y, --yes", "do not ask before anything is made")
    .option("--no-up", "bring back its file, its secrets and its state alone, to change settings before `up`")
    .option("--no-verify", "do not verify afterwards")
    .option("--json", "the result as JSON on standard output")
    .addHelpText(
      "after",
      "\nWhat is there already is kept: a run that was cut off is run again and goes on. Everything that the archive holds\n" +
        "is restored; passwords and the authority stay as they were. docs/runbooks/everything-lost.md\n\n" +
        "Example:\n  npx phasewise recover production.age --identity recovery.key",
    )
    .action((kit: string, options: Options) =>
      run(options, async (ctx) => {
        const command = `npx phasewise recover ${kit} --identity ${options.identity}`;
        const asks = options.up && !options.yes;
        if (asks) requireTerminal(command);
        const { recoverStack } = await import("../operations/recoveryKit/recover.ts");
        const confirm = (stack: string, madeAt: string) =>
          ask(`${stack}, as it was at ${madeAt}: machines are made and cost money. Go on?`);
        const report = await recoverStack(
          {
            kit,
            identity: options.identity,
            up: options.up,
            verify: options.verify,
            ...(asks ? { confirm } : {}),
          },
          ctx,
        );
        if (options.json) printJson(report);
        else await show(report);
        return report.verify && !report.verify.ok ? 1 : 0;
      }),
    );
}

async function show({ restored, stack, up, verify }: RecoverReport): Promise<void> {
  if (up === null) {
    const found = restored.length === 0 ? "Nothing was missing of what the kit has." : "It is back.";
    print(`${found} Change stacks/Pulumi.${stack}.yaml where something is to be different, then:`);
    print(`  npx phasewise up ${stack}`);
    return;
  }
  const { host, port } = up.endpoints.write;
  print(`${stack} is back in ${up.seconds} s: ${host}:${port}.`);
  if (verify === null) return;
  const { verdict, verifyTable } = await import("./verifyTable.ts");
  print(`\n${await verifyTable(verify)}\n${verdict(verify, stack)}`);
}
