import type { Origin } from "../../infra/origin.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { costOf } from "../cost/cost.ts";
import { type CostReport, costLine } from "../cost/report.ts";
import { type Drifted, driftOf } from "../drift/differences.ts";
import { refuseGrownVolumes } from "../drift/volumes.ts";
import { type Changes, changesText, isUnchanged } from "./changes.ts";
import { refuseLockout } from "./lockout.ts";
import { prepare, preview, reconcile, withOrigin } from "./prepare.ts";
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
  /** What the stack costs, beside what it cost before; null where the price list does not say. */
  price: CostReport | null;
  /** What was not as it had been declared, and was put right. */
  drift: Drifted[];
}

export interface Endpoints {
  write: { host: string; port: number };
  read: { host: string; port: number };
}

export interface UpOptions {
  /** Asked with the planned changes before anything is changed; false leaves everything as it is. */
  confirm?(planned: Changes, text: string): Promise<boolean>;
  /** Asks everything how it is first, and puts right what was changed by hand. */
  refresh: boolean;
  /** Where a new stack's first data comes from; null once it is there. Left out for every other stack. */
  origin?: Origin | null;
}

/** Brings a stack to what its file says. What has been deployed is given back for what follows it. */
export async function up(
  stack: string,
  options: UpOptions,
  ctx: OperationContext,
): Promise<{ report: UpReport; dnsRecords: string[]; deployment: Deployment }> {
  const start = Date.now();
  await using _lock = await lockStack(stack, "up");
  const own = await prepare(stack, ctx);
  const before = options.origin === undefined ? own : withOrigin(own, options.origin);
  refuseChanges(before);
  await refuseLockout(before, ctx);
  await refuseGrownVolumes(before);
  const prepared = await reconcile(before, "up", ctx);
  const { refresh } = options;
  const price = await costOf(prepared, ctx);
  if (price) for (const line of [`price: ${costLine(price)}`, ...price.notes]) ctx.onLine(line);
  if (options.confirm) {
    const planned = await preview(prepared, ctx, { refresh });
    const text = changesText(planned.changes, "planned");
    if (!isUnchanged(planned.changes) && !(await options.confirm(planned.changes, text))) {
      throw new Problem({ happened: "Not confirmed.", left: "Nothing was changed.", exitCode: 130 });
    }
  }
  ctx.signal.throwIfAborted();
  const { deployment } = prepared;
  const { changes, outputs, events } = await markUnfinished(deployment, () =>
    runCommand(deployment, "up", prepared.program, ctx, { refresh }),
  );
  const seconds = Math.round((Date.now() - start) / 100) / 10;
  const { phase } = prepared.config;
  const drift = driftOf(events, "part");
  const report = { stack, phase, changes, seconds, endpoints: endpointsOf(outputs), price, drift };
  return { report, dnsRecords: (outputs.dnsRecords ?? []) as string[], deployment };
}

/** The clients' addresses among a stack's outputs. */
export function endpointsOf(outputs: Record<string, unknown>): Endpoints {
  return {
    write: { host: String(outputs.DB_HOST), port: Number(outputs.DB_PORT) },
    read: { host: String(outputs.DB_READ_HOST), port: Number(outputs.DB_READ_PORT) },
  };
}
