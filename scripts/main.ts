import { Command, CommanderError, Option } from "commander";
import { COMMAND_VARIABLE } from "../clients/ssh/visitor.ts";
import manifest from "../package.json" with { type: "json" };
import { backup } from "./backup.ts";
import { backups } from "./backups.ts";
import { canary } from "./canary.ts";
import { cloud } from "./cloud.ts";
import { cost } from "./cost.ts";
import { destroy } from "./destroy.ts";
import { drift } from "./drift.ts";
import { drill } from "./drill.ts";
import { dump } from "./dump.ts";
import { dumps } from "./dumps.ts";
import { example } from "./example.ts";
import { guard } from "./guard.ts";
import { indexes } from "./indexes.ts";
import { journal } from "./journal.ts";
import { logs } from "./logs.ts";
import { metrics } from "./metrics.ts";
import { splitPassThrough } from "./passThrough.ts";
import { preview } from "./preview.ts";
import { promote } from "./promote.ts";
import { psql } from "./psql.ts";
import { recover } from "./recover.ts";
import { recoveryKit } from "./recoveryKit.ts";
import { restore } from "./restore.ts";
import { restorePoint } from "./restorePoint.ts";
import { rollout } from "./rollout.ts";
import { scale } from "./scale.ts";
import { scratch } from "./scratch.ts";
import { ssh } from "./ssh.ts";
import { status } from "./status.ts";
import { failover, switchover } from "./switchover.ts";
import { up } from "./up.ts";
import { url } from "./url.ts";
import { vectors } from "./vectors.ts";
import { verify } from "./verify.ts";

/** Each command adds itself; what it works with is loaded only when it runs. */
const commands = [
  up,
  preview,
  cost,
  drift,
  verify,
  status,
  url,
  psql,
  ssh,
  logs,
  metrics,
  journal,
  backup,
  backups,
  dump,
  dumps,
  restorePoint,
  restore,
  guard,
  canary,
  drill,
  scratch,
  recoveryKit,
  recover,
  indexes,
  rollout,
  scale,
  promote,
  switchover,
  failover,
  vectors,
  example,
  destroy,
  cloud,
];

/** The operator's commands. What is read of them elsewhere: the documentation is held to them. */
export function buildProgram(): Command {
  const program = new Command("phasewise")
    .description(manifest.description)
    .version(manifest.version)
    .showHelpAfterError("(add --help for what there is)")
    .addHelpText("after", help)
    .hook("preAction", (_, command) => nameCommand(command))
    .exitOverride();
  for (const add of commands) add(program);
  for (const command of program.commands) common(command);
  return program;
}

/**
 * Runs one of them.
 * @param args Without the program's name.
 */
export async function main(args: string[]): Promise<void> {
  try {
    await buildProgram().parseAsync(splitPassThrough(args), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version were asked for; everything else is bad input.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}

/** For the machines' journals, of this process and of those that it starts: the command and its stack, no options. */
function nameCommand(command: Command): void {
  const names = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  const [stack] = command.processedArgs;
  process.env[COMMAND_VARIABLE] = [...names, ...(typeof stack === "string" ? [stack] : [])].join(" ");
}

function common(command: Command): void {
  command.exitOverride();
  if (command.commands.length > 0) {
    for (const sub of command.commands) common(sub);
    return;
  }
  command.addOption(new Option("--debug", "show stack traces"));
}

const help = `
[stack] is the name of a file stacks/Pulumi.<stack>.yaml; without one it is dev.

Exit codes: 0 done, 1 failed, 2 bad input (nothing touched), 130 interrupted.

Examples:
  npx phasewise up dev --yes        phase 1 on the embedded Hetzner cloud
  npx phasewise verify dev          is everything as it should be?
  npx phasewise psql dev            a shell in the database
  npx phasewise destroy dev --yes   away with it`;
