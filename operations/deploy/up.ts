import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { type Changes, changesText, isUnchanged } from "./changes.ts";
import { prepare, preview, program, reconcile } from "./prepare.ts";
import { refuseChanges } from "./rules.ts";
import { runCommand } from "./run.ts";
import { lockStack } from "./stackLock.ts";
import { markUnfinished } from "./unfinished.ts";
import type { Deployment } from "./workspace.ts";

/** What `up --json` prints. */
export interface UpReport {
  stack: string;
  phase: number;
  changes: Changes;
  /** Wall time of the whole. */
  seconds: number;
  endpoints: Endpoints;
}

export interface Endpoints {
  write: { host: string; port: number };
  read: { host: string; port: number };
}

export interface UpOptions {
  /** Asked with the planned changes before anything is changed; false leaves everything as it is. */
  confirm?(planned: Changes, text: string): Promise<boolean>;
}

/** Brings a stack to what its file says. What has been deployed is given back for what follows it. */
export async function up(
  stack: string,
  options: UpOptions,
  ctx: OperationContext,
): Promise<{ report: UpReport; dnsRecords: string[]; deployment: Deployment }> {
  const start = Date.now();
  await using _lock = await lockStack(stack, "up");
  const before = await prepare(stack, ctx);
  refuseChanges(before);
  const prepared = await reconcile(before, "up", ctx);
  if (options.confirm) {
    const planned = await preview(prepared, ctx);
    const text = changesText(planned.changes, "planned");
    if (!isUnchanged(planned.changes) && !(await options.confirm(planned.changes, text))) {
      throw new Problem({ happened: "Not confirmed.", left: "Nothing was changed.", exitCode: 130 });
    }
  }
  ctx.signal.throwIfAborted();
  const { deployment } = prepared;
  const { changes, outputs } = await markUnfinished(deployment, () =>
    runCommand(deployment, "up", program, ctx),
  );
  const seconds = Math.round((Date.now() - start) / 100) / 10;
  const { phase } = prepared.config;
  const report = { stack, phase, changes, seconds, endpoints: endpointsOf(outputs) };
  return { report, dnsRecords: (outputs.dnsRecords ?? []) as string[], deployment };
}

/** The clients' addresses among a stack's outputs. */
export function endpointsOf(outputs: Record<string, unknown>): Endpoints {
  const port = Number(outputs.DB_PORT);
  return {
    write: { host: String(outputs.DB_HOST), port },
    read: { host: String(outputs.DB_READ_HOST), port },
  };
}
