import type { OperationContext } from "../operations/context.ts";
import type { BesideReport } from "../operations/restore/beside/beside.ts";
import { print, printJson } from "./output.ts";
import { ask, requireTerminal } from "./run.ts";

/** What `restore` is given for a restore into a new stack. */
export interface BesideFlags {
  json?: boolean;
  to?: string;
  cluster?: string;
  repository?: number;
  beside?: string;
  yes?: boolean;
}

export async function beside(
  source: string,
  stack: string,
  flags: BesideFlags,
  ctx: OperationContext,
): Promise<number> {
  const { cluster, repository, to = "latest", yes } = flags;
  if (!yes) requireTerminal(`npx phasewise restore ${source} --to ${to} --beside ${stack}`);
  const { restoreBeside } = await import("../operations/restore/beside/beside.ts");
  const report = await restoreBeside(
    source,
    {
      to,
      beside: stack,
      verify: true,
      ...(cluster === undefined ? {} : { cluster }),
      ...(repository === undefined ? {} : { repository }),
      ...(yes
        ? {}
        : { confirm: (_: unknown, text: string) => ask(`${stack}, beside ${source}: ${text}. Go on?`) }),
    },
    ctx,
  );
  if (flags.json) printJson(report);
  else await show(report);
  return report.verify && !report.verify.ok ? 1 : 0;
}

async function show({
  backup,
  reached,
  seconds,
  source,
  stack,
  target,
  up,
  verify,
}: BesideReport): Promise<void> {
  const { host, port } = up.endpoints.write;
  print(`${stack} has ${source}'s data of ${target}, in ${seconds} s: ${host}:${port}.`);
  print(
    `It began with ${backup}; its last transaction: ${reached.time ?? "none after the backup"}. Its passwords, its authority and its backups are its own: npx phasewise url ${stack} --show-secrets`,
  );
  if (verify === null) return;
  const { verdict, verifyTable } = await import("./verifyTable.ts");
  print(`\n${await verifyTable(verify)}\n${verdict(verify, stack)}`);
}
