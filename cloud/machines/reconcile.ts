import pLimit from "p-limit";
import type { World } from "../hypervisor.ts";
import { createVolume, deleteVolume, resizeVolume } from "../volumes/volumes.ts";
import type { Fleet } from "./fleet.ts";
import { takeInventory } from "./inventory.ts";
import { isRunning } from "./power.ts";

/** Machines that boot at the same time. */
const atOnce = 4;

/**
 * Makes the host hold exactly the world: what belongs to this cloud and not to the world goes, what is missing comes,
 * machines that run go on running.
 */
export async function reconcile(
  fleet: Fleet,
  world: World,
  onProgress: (line: string) => void,
): Promise<void> {
  await removeStrays(fleet, world, onProgress);
  for (const network of world.networks) fleet.networks.set(network.id, network);
  for (const server of world.servers) fleet.servers.set(server.id, server);
  for (const network of world.networks) await fleet.ensureNetwork(network);
  for (const volume of world.volumes) {
    await createVolume(fleet.place, volume);
    await resizeVolume(fleet.place, volume);
  }
  await fleet.applyFirewalls();
  const limit = pLimit(atOnce);
  const results = await Promise.allSettled(
    world.servers.map((server) =>
      limit(async () => {
        const runs = await isRunning(fleet.place, server.id);
        if (server.running && !runs) onProgress(`Starting server ${server.name}`);
        if (server.running) await fleet.powerOn(server);
        else {
          await fleet.create(server);
          if (runs) await fleet.powerOff(server.id);
        }
      }),
    ),
  );
  // After the machines, that it be known early who answers.
  for (const balancer of world.loadBalancers) {
    results.push(...(await Promise.allSettled([fleet.ensureLoadBalancer(balancer)])));
  }
  const failures = results.flatMap((result) =>
    result.status === "rejected" ? [String(result.reason?.message)] : [],
  );
  if (failures.length > 0) throw new Error(failures.join("\n"));
}

async function removeStrays(fleet: Fleet, world: World, onProgress: (line: string) => void): Promise<void> {
  const found = await takeInventory(fleet.place);
  const strays = (present: number[], declared: { id: number }[]) =>
    present.filter((id) => !declared.some((other) => other.id === id));
  for (const id of strays(found.servers, world.servers)) {
    onProgress(`Removing what is left of server ${id}`);
    await fleet.delete(id);
  }
  for (const id of strays(found.balancers, world.loadBalancers)) {
    onProgress(`Removing what is left of load balancer ${id}`);
    await fleet.deleteLoadBalancer(id);
  }
  for (const id of strays(found.volumes, world.volumes)) {
    onProgress(`Removing what is left of volume ${id}`);
    await deleteVolume(fleet.place, id);
  }
  for (const id of strays(found.networks, world.networks)) {
    onProgress(`Removing what is left of network ${id}`);
    await fleet.deleteNetwork(id);
  }
}
