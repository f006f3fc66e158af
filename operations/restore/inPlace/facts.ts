import { posix } from "node:path";
import { DATA, postgresData } from "../../../roles/paths.ts";
import { messageOf } from "../../../toolchain/problem.ts";
import type { Machines } from "../../machines.ts";
import type { Cluster, Machine } from "../../topology.ts";
import type { InPlaceFacts } from "./faults.ts";

/** What a member says of its disk, and whether it answers at all. */
export async function memberFacts(
  machines: Machines,
  cluster: Cluster,
  restored: string,
): Promise<InPlaceFacts["members"]> {
  return await Promise.all(
    cluster.members.map(async (name) => {
      const machine = machines.named(name);
      const base = { name, restored: name === restored };
      try {
        return { ...base, unreachable: null, ...(await diskOf(machines, machine, cluster)) };
      } catch (error) {
        const unreachable = messageOf(error).split("\n")[0]!;
        return { ...base, unreachable, freeBytes: 0, volumeBytes: 0, dataBytes: 0, sharesBlocks: false };
      }
    }),
  );
}

/** Blocks that copies share are counted with the data, though they would not come free: `du` cannot tell. */
async function diskOf(
  machines: Machines,
  machine: Machine,
  cluster: Cluster,
): Promise<
  Pick<InPlaceFacts["members"][number], "freeBytes" | "volumeBytes" | "dataBytes" | "sharesBlocks">
> {
  const data = postgresData(cluster.postgresVersion);
  const probe = `${posix.dirname(data)}/.shares-blocks`;
  const command = [
    `df -B1 --output=avail,size ${DATA} | tail -n 1`,
    `du -sB1 ${data} 2>/dev/null | cut -f1 || echo 0`,
    `echo x > ${probe} && cp --reflink=always ${probe} ${probe}.copy 2>/dev/null && echo yes || echo no; rm -f ${probe} ${probe}.copy`,
  ].join("; ");
  const [disk = "", size = "", shares = ""] = (await machines.run(machine, command)).trim().split("\n");
  const [freeBytes = 0, volumeBytes = 0] = disk.trim().split(/\s+/).map(Number);
  return { freeBytes, volumeBytes, dataBytes: Number(size), sharesBlocks: shares === "yes" };
}

/** Whether Patroni is paused, and who leads; of a cluster that does not answer nothing is known. */
export async function clusterFacts(
  machines: Machines,
  cluster: Cluster,
): Promise<{ paused: boolean; leader: string | null }> {
  for (const name of cluster.members) {
    try {
      const view = await (await machines.patroni(machines.named(name))).cluster();
      const leader = view.members.find(({ role }) => role === "leader")?.name ?? null;
      return { paused: view.pause === true, leader };
    } catch {
      // The next one may answer; a cluster that is wholly down is what restores are for.
    }
  }
  return { paused: false, leader: null };
}
