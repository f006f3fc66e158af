import { openClient } from "../../clients/postgres.ts";
import type { Topology } from "../../infra/topology.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { ownerTarget } from "./load.ts";
import { allTables } from "./tables.ts";

export interface DropReport {
  stack: string;
  example: string;
  dropped: string[];
}

/** Drops the tables that an example made, all or none; tables without its mark are not touched. */
export async function dropExample(
  topology: Topology,
  name: string,
  ctx: OperationContext,
): Promise<DropReport> {
  const { stack } = topology;
  const client = await openClient(ownerTarget(topology), { applicationName: `phasewise example ${name}` });
  try {
    const found = (await allTables(client)).filter(({ marker }) => marker?.example === name);
    const dropped = found.map((table) => table.name);
    ctx.signal.throwIfAborted();
    if (dropped.length > 0) await client.query(`DROP TABLE ${dropped.map((one) => `"${one}"`).join(", ")}`);
    return { stack, example: name, dropped };
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    const { detail } = error as { detail?: string };
    throw new Problem({
      happened: `${name} could not be dropped from ${stack}: ${messageOf(error)}`,
      details: detail ? detail.split("\n") : [],
      left: "All its tables are as they were.",
      todo: [
        "Drop what depends on them first, or run it again when nobody uses them.",
        `What \`indexes\` made goes with: npx phasewise indexes ${stack} --undo`,
      ],
      cause: error,
    });
  } finally {
    await client.end();
  }
}
