import type { Command } from "commander";
import type { UpReport } from "../operations/deploy/up.ts";
import type { VerifyReport } from "../operations/verify/check.ts";
import { print, printJson, styled, table } from "./output.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  yes?: boolean;
  verify: boolean;
  refresh: boolean;
}

export function up(program: Command): void {
  program
    .command("up")
    .description("make what the stack's file says, or bring it up to date; ends with a verify")
    .addArgument(stackArgument())
    .option("-y, --yes", "do not ask before changing anything")
    .option("--no-refresh", "do not look for what was changed by hand")
    .option("--no-verify", "do not verify afterwards")
    .option("--json", "the result as JSON on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise up\n  npx phasewise up production\n  npx phasewise up dev --yes --json",
    )
    .action((stack: string, options: Options) => run(options, (ctx) => work(stack, options, ctx)));
}

async function work(
  stack: string,
  options: Options,
  ctx: Parameters<Parameters<typeof run>[1]>[0],
): Promise<number> {
  if (!options.yes) requireTerminal(`npx phasewise up ${stack}`);
  const operations = await import("../operations/deploy/up.ts");
  const { verifyAfterUp } = await import("../operations/verifyStack.ts");
  const confirm = (_: unknown, text: string) => ask(`${stack}: ${text}. Go on?`);
  const { report, dnsRecords, deployment } = await operations.up(
    stack,
    { refresh: options.refresh, ...(options.yes ? {} : { confirm }) },
    ctx,
  );
  const { renewKit } = await import("../operations/recoveryKit/recoveryKit.ts");
  await renewKit(deployment, ctx);
  const checked = options.verify ? await verifyAfterUp(deployment, ctx) : null;
  if (options.json) printJson(report);
  else await show(report, dnsRecords, checked);
  return checked && !checked.ok ? 1 : 0;
}

async function show(report: UpReport, dnsRecords: string[], checked: VerifyReport | null): Promise<void> {
  const { changesText } = await import("../operations/deploy/changes.ts");
  const { stack, phase, changes, seconds, endpoints } = report;
  print(
    `\n${styled("bold", stack)} is up in phase ${phase}: ${changesText(changes, "done")} in ${seconds} s.`,
  );
  if (checked) {
    const { verifyTable, verdict } = await import("./verifyTable.ts");
    print(`\n${await verifyTable(checked)}\n${verdict(checked, stack)}`);
  }
  const rows = [
    ["write", `${endpoints.write.host}:${endpoints.write.port}`],
    ["read", `${endpoints.read.host}:${endpoints.read.port}`],
    ["a shell", `npx phasewise psql ${stack}`],
    ["the URL", `npx phasewise url ${stack} --show-secrets`],
    ["what runs", `npx phasewise status ${stack}`],
    ["away with it", `npx phasewise destroy ${stack}`],
    ...dnsRecords.map((record) => ["DNS record", record]),
  ];
  print(`\n${await table(["Connect", ""], rows)}`);
}
