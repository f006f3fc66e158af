import type { OperationContext } from "../../context.ts";
import type { Deployment } from "../../deploy/workspace.ts";
import { readTopology } from "../../topology.ts";
import { openWorld } from "../../verify/world.ts";
import { reachedIn, stoppedBefore } from "../reached.ts";
import type { Recovered } from "../recover.ts";

/** PostgreSQL's words where replaying ended; on the one member that did it. */
const WORDS =
  "journalctl -u patroni.service -o cat --no-pager | grep -E 'last completed transaction was at|redo done at|recovery stopping before' || true";

/** How far the log was replayed when the stack got its first data. */
export async function reachedOn(deployment: Deployment, ctx: OperationContext): Promise<Recovered> {
  const topology = await readTopology(deployment, ctx);
  const members = topology.machines.filter(({ name }) => topology.clusters[0]!.members.includes(name));
  await using world = openWorld(topology, { unavailable: "only its machines are asked" }, ctx);
  const told = await Promise.all(members.map((machine) => world.run(machine, WORDS)));
  const words = told.find((one) => one.trim() !== "") ?? "";
  return { reached: reachedIn(words), stopped: stoppedBefore(words) };
}
