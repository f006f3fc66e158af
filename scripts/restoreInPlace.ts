import type { OperationContext } from "../operations/context.ts";
import type { InPlaceReport } from "../operations/restore/inPlace/inPlace.ts";
import { print, printJson, printLine } from "./output.ts";
import { ask, requireTerminal } from "./run.ts";

/** What `restore` is given for a restore in place. */
export interface InPlaceFlags {
  json?: boolean;
  to?: string;
  cluster?: string;
  repository?: number;
  inPlace?: boolean;
  on?: string;
  discardOld?: boolean;
  back?: string | true;
  forgetOld?: string | true;
  resume?: boolean;
  abort?: boolean;
  yes?: boolean;
}

export async function inPlace(stack: string, flags: InPlaceFlags, ctx: OperationContext): Promise<number> {
  const { abort, back, cluster, on: machine, repository, resume, to, yes } = flags;
  const way = resume ? "resume" : abort ? "abort" : undefined;
  if (!yes && way === undefined) requireTerminal(`npx phasewise restore ${stack} --in-place`);
  const { restoreInPlace } = await import("../operations/restore/inPlace/inPlace.ts");
  const { planText } = await import("../operations/restore/inPlace/plan.ts");
  const report = await restoreInPlace(
    stack,
    {
      to,
      repository,
      back,
      cluster,
      machine,
      way,
      keepOld: flags.discardOld !== true,
      confirm: async (plan) => {
        printLine(planText(plan));
        return yes || (await ask("Go on?"));
      },
    },
    ctx,
  );
  if (flags.json) printJson(report);
  else show(report);
  return 0;
}

export async function forgetOld(stack: string, flags: InPlaceFlags, ctx: OperationContext): Promise<number> {
  if (!flags.yes) requireTerminal(`npx phasewise restore ${stack} --forget-old`);
  if (!flags.yes && !(await ask("Remove the old data? There is no way back to it then."))) return 130;
  const { forgetOldData } = await import("../operations/restore/inPlace/inPlace.ts");
  const id = typeof flags.forgetOld === "string" ? flags.forgetOld : null;
  const gone = await forgetOldData(stack, { cluster: flags.cluster, id }, ctx);
  if (flags.json) printJson({ stack, removed: gone });
  else if (gone.length === 0) print(`${stack} keeps no old data.`);
  for (const { id, machine, note } of flags.json ? [] : gone)
    print(`${machine}: the data ${id}, put aside at ${note.at}, is removed.`);
  return 0;
}

function show({
  cluster,
  kept,
  outcome,
  reached,
  seconds,
  stack,
  stoppedSeconds,
  target,
}: InPlaceReport): void {
  if (outcome === "undone") {
    print(`The restore was taken back in ${seconds} s: ${cluster} goes on with its old data.`);
    return;
  }
  print(
    `${cluster} is restored to ${target} in ${seconds} s; clients found no primary for ${stoppedSeconds} s.`,
  );
  print(`Its last transaction: ${reached?.time ?? "none after the backup"}. A full backup has begun.`);
  if (kept === null) return;
  print(`The data of before is kept on ${kept.machine}:`);
  print(`  npx phasewise restore ${stack} --back          goes back to it`);
  print(`  npx phasewise restore ${stack} --forget-old    removes it`);
}
