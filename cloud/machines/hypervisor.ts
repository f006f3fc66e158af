import { mkdir, realpath, rmdir } from "node:fs/promises";
import { isLock, type Lock, tryLock } from "../../toolchain/lock.ts";
import { Problem } from "../../toolchain/problem.ts";
import { missingHostPackages } from "../hostPackages.ts";
import type { Hypervisor, HypervisorOptions, PublicRange } from "../hypervisor.ts";
import { ensureImage } from "../image/cache.ts";
import { imageName } from "../image/recipe.ts";
import { hostRoutes } from "../networks/namespaces.ts";
import { ensureRouter } from "../networks/router.ts";
import { claimedSlot, claimSlot, publicRangeOf, releaseSlot } from "../networks/slots.ts";
import { ensureProxy } from "../packages/proxy.ts";
import { createVolume, deleteVolume, resizeVolume } from "../volumes/volumes.ts";
import { removeEverything, removeOutside } from "./destroy.ts";
import { Fleet } from "./fleet.ts";
import { askInit } from "./leader.ts";
import type { Place } from "./names.ts";
import { isRunning } from "./power.ts";
import { Queue } from "./queue.ts";
import { reconcile } from "./reconcile.ts";
import { allowWatches } from "./watches.ts";

/**
 * Makes this process the one that runs the machines of a cloud's folder: claims its slot, makes the public network
 * and the package proxy, and builds the image where the host has none. Machines are as they were until `reconcile`.
 * @throws Problem where the host lacks something, or another process runs these machines.
 */
export async function createHypervisor(options: HypervisorOptions): Promise<Hypervisor> {
  const onProgress = options.onProgress ?? (() => {});
  await requireHost();
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const directory = await realpath(options.directory);
  const lock = await own(directory, "run the machines");
  try {
    const place = await claim(directory, onProgress);
    await allowWatches(onProgress);
    await ensureRouter(place.slot);
    const image = await ensureImage(options.imagePackages, onProgress);
    await ensureProxy(place);
    return hypervisor(new Fleet({ place, image, onProgress }), lock, onProgress);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Removes all that the machines of a folder have on this host, with or without a daemon before, and gives the slot
 * back. The images in the cache stay. Can be repeated.
 */
export async function destroyHypervisor(options: HypervisorOptions): Promise<void> {
  requireRoot();
  const directory = await realpath(options.directory).catch(() => null);
  if (directory === null) return;
  await using _ = await own(directory, "destroy the machines");
  const slot = await claimedSlot(directory);
  if (slot !== null) {
    await removeEverything({ directory, slot });
    await releaseSlot(directory, slot);
  }
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    // Whatever else is in the folder is not ours.
    if (error.code !== "ENOTEMPTY") throw error;
  });
}

async function requireHost(): Promise<void> {
  requireRoot();
  const missing = await missingHostPackages();
  if (missing.length === 0) return;
  throw new Problem({
    happened: `The embedded cloud needs packages that this machine does not have: ${missing.join(", ")}.`,
    left: "Nothing was changed.",
    todo: [`apt-get install --yes --no-install-recommends ${missing.join(" ")}`],
  });
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new Problem({
    happened: "The embedded cloud boots real machines, which only root may.",
    left: "Nothing was changed.",
    todo: ["Run the command again as root (sudo), or deploy to Hetzner itself, which needs no root here."],
  });
}

async function own(directory: string, purpose: string): Promise<Lock> {
  const result = await tryLock(`machines of ${directory}`, purpose);
  if (isLock(result)) return result;
  throw new Problem({
    happened: `The machines in ${directory} are in the hands of process ${result.pid} (${result.purpose}, since ${result.since}).`,
    left: "Nothing was changed.",
    todo: ["Stop that process first."],
  });
}

async function claim(directory: string, onProgress: (line: string) => void): Promise<Place> {
  const { slot, orphanOf } = await claimSlot(directory, await hostRoutes());
  if (orphanOf !== null) {
    onProgress(`Cleaning up after the embedded cloud of ${orphanOf}, whose folder was removed`);
    const orphan = { directory: orphanOf, slot };
    // A folder with another slot is that of a cloud that lives, made anew at the same place.
    await ((await claimedSlot(orphanOf)) === null ? removeEverything(orphan) : removeOutside(orphan));
  }
  return { directory, slot };
}

function hypervisor(fleet: Fleet, lock: Lock, onProgress: (line: string) => void): Hypervisor {
  const queue = new Queue();
  const onServer = <T>(id: number, work: () => Promise<T>) => queue.run(`server ${id}`, work);
  const onVolume = <T>(id: number, work: () => Promise<T>) => queue.run(`volume ${id}`, work);
  const onNetwork = <T>(id: number, work: () => Promise<T>) => queue.run(`network ${id}`, work);
  const onBalancer = <T>(id: number, work: () => Promise<T>) => queue.run(`balancer ${id}`, work);
  const { place } = fleet;
  const publicRange: PublicRange = publicRangeOf(place.slot);
  return {
    publicRange,
    reconcile: (world) => reconcile(fleet, world, onProgress),
    createServer: async (server) => {
      if (server.image !== imageName)
        throw new Error(`There is no image ${server.image}; there is ${imageName}.`);
      await onServer(server.id, () => fleet.create(server));
    },
    powerOn: (server) => onServer(server.id, () => fleet.powerOn(server)),
    powerOff: (id) => onServer(id, () => fleet.powerOff(id)),
    shutdown: (id) => onServer(id, async () => void (await askInit(place, id, "poweroff"))),
    reboot: (server) => onServer(server.id, async () => void (await askInit(place, server.id, "reboot"))),
    isRunning: (id) => isRunning(place, id),
    rebuild: (server) => onServer(server.id, () => fleet.rebuild(server)),
    setLimits: (server) => onServer(server.id, () => fleet.setLimits(server)),
    deleteServer: (id) => onServer(id, () => fleet.delete(id)),
    setPublicAddresses: (server) => onServer(server.id, () => fleet.setPublicAddresses(server)),
    createVolume: (volume) => onVolume(volume.id, () => createVolume(place, volume)),
    attachVolume: (volume, serverId) =>
      onServer(serverId, () => onVolume(volume.id, () => fleet.attachVolume(volume, serverId))),
    detachVolume: (id) => onVolume(id, () => fleet.detachVolume(id)),
    resizeVolume: (volume) => onVolume(volume.id, () => resizeVolume(place, volume)),
    deleteVolume: (id) => onVolume(id, () => deleteVolume(place, id)),
    ensureNetwork: (network) => onNetwork(network.id, () => fleet.ensureNetwork(network)),
    deleteNetwork: (id) => onNetwork(id, () => fleet.deleteNetwork(id)),
    attachNetwork: (serverId, attachment) =>
      onServer(serverId, () => fleet.attachNetwork(serverId, attachment)),
    detachNetwork: (serverId, networkId) =>
      onServer(serverId, () => fleet.detachNetwork(serverId, networkId)),
    ensureLoadBalancer: (balancer) => onBalancer(balancer.id, () => fleet.ensureLoadBalancer(balancer)),
    deleteLoadBalancer: (id) => onBalancer(id, () => fleet.deleteLoadBalancer(id)),
    loadBalancerHealth: (id) => onBalancer(id, () => fleet.loadBalancerHealth(id)),
    setFirewall: (serverId, rules) => onServer(serverId, () => fleet.setFirewall(serverId, rules)),
    close: () => lock.release(),
  };
}
