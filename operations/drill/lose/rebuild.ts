import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Topology } from "../../../infra/topology.ts";
import { messageOf, Problem } from "../../../toolchain/problem.ts";
import { interrupted, type OperationContext } from "../../context.ts";
import { up } from "../../deploy/up.ts";
import { recoverStack } from "../../recoveryKit/recover.ts";
import { renewKit } from "../../recoveryKit/recoveryKit.ts";
import { markArchive } from "../../restore/archive.ts";
import { clusterOf } from "../../restore/restore.ts";
import { readDeployed } from "../../topology.ts";
import { leaderOf } from "../../verify/patroni.ts";
import { openWorld } from "../../verify/world.ts";
import { type LossJournal, lossPaths } from "./journal.ts";
import { tryWrite } from "./witness.ts";

/**
 * Brings back what was lost, by the commands that an operator has.
 * @returns When the stack took writes again; of lost keys, when the archive took the log again.
 */
export async function rebuild(
  stack: string,
  { loss }: LossJournal,
  identity: string | undefined,
  ctx: OperationContext,
): Promise<Date> {
  if (loss === "everything") {
    const own = lossPaths.identity(stack);
    const options = {
      kit: lossPaths.kit(stack),
      identity: existsSync(own) ? own : (identity ?? own),
      up: true,
      verify: false,
    };
    await recoverStack(options, ctx);
    return await takesWrites((await readDeployed(stack, ctx)).topology, ctx);
  }
  const { topology } = await readDeployed(stack, ctx);
  // Addresses stay: clients may be served again before the last machine is rebuilt.
  const writes = loss === "bucket-credentials" ? null : takesWrites(topology, ctx);
  writes?.catch(() => {});
  // A look at the bucket with keys that are revoked would fail; where machines went, what only they knew is put right.
  const { deployment } = await up(stack, { refresh: loss !== "bucket-credentials" }, ctx);
  await renewKit(deployment, ctx);
  if (writes !== null) return await writes;
  const after = await readDeployed(stack, ctx);
  await using world = openWorld(after.topology, { unavailable: "a drill does not ask it" }, ctx);
  const cluster = clusterOf(after.topology, undefined);
  await markArchive(world, await leaderOf(world, cluster), cluster);
  return new Date();
}

/** @throws Problem where it does not come back within the stack's goal. */
async function takesWrites(topology: Topology, ctx: OperationContext): Promise<Date> {
  const end = Date.now() + topology.goals.rtoMinutes * 60_000;
  for (;;) {
    if (ctx.signal.aborted) throw interrupted("The rebuild is not at its end.", "Run it again: it goes on.");
    try {
      await tryWrite(topology);
      return new Date();
    } catch (error) {
      if (Date.now() > end) {
        throw new Problem({
          happened: `${topology.stack} takes no writes within ${topology.goals.rtoMinutes} minutes: ${messageOf(error).split("\n")[0]}`,
          todo: ["npx phasewise verify says what is wrong; run the drill again to go on."],
          cause: error,
        });
      }
    }
    await sleep(500);
  }
}
