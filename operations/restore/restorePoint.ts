import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { type Cluster, readDeployed } from "../topology.ts";
import type { World } from "../verify/check.ts";
import { leaderOf } from "../verify/patroni.ts";
import { openWorld } from "../verify/world.ts";
import { markArchive, sqlOn } from "./archive.ts";
import { repositoriesOf } from "./repositories.ts";
import { openStore, pointKey } from "./store.ts";
import { requireName } from "./target.ts";

export interface RestorePointReport {
  stack: string;
  name: string;
  points: { cluster: string; lsn: string; time: string; archivedAfter: number }[];
}

/**
 * Names this moment in the log of every cluster, so that `restore --to <name>` comes back to it, and returns when the
 * archive holds it.
 * @throws Problem (exit 2) where the name is taken or none.
 */
export async function makeRestorePoint(
  stack: string,
  name: string,
  ctx: OperationContext,
): Promise<RestorePointReport> {
  requireName(name);
  const { topology } = await readDeployed(stack, ctx);
  using store = openStore(topology, ctx.onLine);
  for (const cluster of topology.clusters) {
    if ((await store.get(pointKey(cluster.name, name))) === null) continue;
    throw new Problem({
      happened: `${cluster.name} has a restore point "${name}" already.`,
      left: "It is as it was; nothing was done.",
      todo: ["Choose another name."],
      exitCode: 2,
    });
  }
  await using world = openWorld(topology, { unavailable: "a restore point does not ask it" }, ctx);
  const points = [];
  for (const cluster of topology.clusters) {
    const point = await make(world, cluster, name);
    const { lsn, time } = point;
    await store.put(pointKey(cluster.name, name), { name, lsn, time }, { unlessThere: true });
    points.push(point);
  }
  return { stack, name, points };
}

async function make(
  world: World,
  cluster: Cluster,
  name: string,
): Promise<RestorePointReport["points"][number]> {
  const leader = await leaderOf(world, cluster);
  // The name was judged: it holds no quote.
  const [lsn = "", time = ""] = (
    await sqlOn(world, leader, `SELECT pg_create_restore_point('${name}'), to_json(clock_timestamp())#>>'{}'`)
  ).split("|");
  const anywhere = repositoriesOf(world.topology).map(({ number }) => number);
  const { archivedAfter } = await markArchive(world, leader, cluster, anywhere);
  return { cluster: cluster.name, lsn, time: new Date(time).toISOString(), archivedAfter };
}
