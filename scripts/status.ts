import type { Command } from "commander";
import type { StackStatus } from "../operations/status.ts";
import { print, printJson, styled, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

export function status(program: Command): void {
  program
    .command("status")
    .description("what runs where, at a glance")
    .addArgument(stackArgument())
    .option("--json", "the same as JSON on standard output")
    .addHelpText("after", "\nExample:\n  npx phasewise status dev")
    .action((stack: string, options: CommonOptions) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/status.ts");
        const report = await operations.stackStatus(stack, ctx);
        if (options.json) printJson(report);
        else await show(report);
        return report.machines.every((machine) => machine.reachable) ? 0 : 1;
      }),
    );
}

async function show(report: StackStatus): Promise<void> {
  const { stack, phase, environment, endpoints, machines } = report;
  print(`${styled("bold", stack)} (${environment}), phase ${phase}`);
  print(
    `write ${endpoints.write.host}:${endpoints.write.port}, read ${endpoints.read.host}:${endpoints.read.port}\n`,
  );
  const rows = machines.map((machine) => [
    machine.name,
    machine.publicAddress,
    machine.privateAddress,
    machine.serverType,
    machine.reachable ? `${machine.memoryUsedMb} of ${machine.memoryMb} MB` : styled("red", "not reachable"),
    machine.units
      .map((unit) => `${unit.name} ${unit.state === "active" ? "" : styled("red", unit.state)}`.trim())
      .join(", "),
  ]);
  print(await table(["Machine", "Public", "Private", "Type", "Memory", "Runs"], rows));
  await showMembers("Cluster", report.clusters);
  await showMembers("Cache", report.caches);
}

async function showMembers(kind: string, groups: StackStatus["clusters"]): Promise<void> {
  for (const cluster of groups) {
    const members = cluster.members.map((member) => [
      cluster.name,
      member.name,
      member.role,
      member.state,
      member.lag === null ? "" : `${Math.round(member.lag / 1024)} kB behind`,
    ]);
    print(`\n${await table([kind, "Member", "Role", "State", ""], members)}`);
  }
}
