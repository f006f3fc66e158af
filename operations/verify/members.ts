import { messageOf } from "../../toolchain/problem.ts";
import type { Cluster, Machine } from "../topology.ts";
import type { Finding, World } from "./check.ts";

/** The machines that a cluster runs on. */
export function membersOf(
  { machines }: Pick<World["topology"], "machines">,
  { members }: Pick<Cluster, "members">,
): Machine[] {
  return machines.filter(({ name }) => members.includes(name));
}

/**
 * What each member of a cluster answers to a command. One that does not is a finding of its own: a machine that is lost
 * keeps nobody from hearing what is wrong beside it.
 */
export async function askMembers(
  world: Pick<World, "run" | "topology">,
  cluster: Pick<Cluster, "members" | "name">,
  command: string,
): Promise<{ answers: string[]; silent: Finding[] }> {
  const members = membersOf(world.topology, cluster);
  const asked = await Promise.allSettled(members.map((machine) => world.run(machine, command)));
  return {
    answers: asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])),
    silent: asked.flatMap((one, index) =>
      one.status === "rejected"
        ? [
            {
              ok: false,
              detail: `${cluster.name}: ${members[index]!.name} was not asked: ${messageOf(one.reason).split("\n")[0]}`,
            },
          ]
        : [],
    ),
  };
}
