import { Command, CommanderError, Option } from "commander";
import manifest from "../package.json" with { type: "json" };
import { backup } from "./backup.ts";
import { backups } from "./backups.ts";
import { cloud } from "./cloud.ts";
import { destroy } from "./destroy.ts";
import { logs } from "./logs.ts";
import { splitPassThrough } from "./passThrough.ts";
import { preview } from "./preview.ts";
import { psql } from "./psql.ts";
import { rollout } from "./rollout.ts";
import { ssh } from "./ssh.ts";
import { status } from "./status.ts";
import { up } from "./up.ts";
import { url } from "./url.ts";
import { verify } from "./verify.ts";

/** Each command adds itself; what it works with is loaded only when it runs. */
const commands = [
  up,
  preview,
  verify,
  status,
  url,
  psql,
  ssh,
  logs,
  backup,
  backups,
  rollout,
  destroy,
  cloud,
];

/**
 * The operator's commands.
 * @param args Without the program's name.
 */
export async function main(args: string[]): Promise<void> {
  const program = new Command("phasewise")
    .description(manifest.description)
    .version(manifest.version)
    .showHelpAfterError("(add --help for what there is)")
    .addHelpText("after", help)
    .exitOverride();
  for (const add of commands) add(program);
  for (const command of program.commands) common(command);
  try {
    await program.parseAsync(splitPassThrough(args), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version were asked for; everything else is bad input.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
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
