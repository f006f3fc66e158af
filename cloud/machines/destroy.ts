import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { removeBalancer } from "../balancers/balancer.ts";
import { deleteNetwork } from "../networks/privateNetwork.ts";
import { deleteRouter } from "../networks/router.ts";
import { stopProxy } from "../packages/proxy.ts";
import { loopDevices } from "../volumes/loop.ts";
import { detachAllBelow } from "../volumes/volumes.ts";
import { removeGroup } from "./groups.ts";
import { takeInventory } from "./inventory.ts";
import {
  deviceFolderOfSlot,
  type Place,
  packagesFolder,
  runtimeFolder,
  serversFolder,
  slotGroup,
  volumesFolder,
} from "./names.ts";
import { stop } from "./power.ts";
import { mountPoints } from "./rootfs.ts";
import { run } from "./run.ts";

/**
 * Removes everything that a cloud has on this host, whatever made it and however far that came: processes, namespaces,
 * mounts, disks, control groups, and its folders. Knows nothing but the place.
 */
export async function removeEverything(place: Place): Promise<void> {
  await removeOutside(place);
  await unmountBelow(serversFolder(place.directory));
  await releaseDisks(place.directory);
  for (const folder of [serversFolder, volumesFolder, packagesFolder]) {
    await rm(folder(place.directory), { recursive: true, force: true });
  }
}

/** Removes what has its name from the slot; the folder stays as it is. */
export async function removeOutside({ slot, directory }: Place): Promise<void> {
  const { servers, networks, balancers } = await takeInventory({ slot, directory });
  for (const id of balancers) await removeBalancer({ slot, directory }, id, networks);
  for (const id of servers) await stop({ slot, directory }, id, networks);
  for (const id of networks) await deleteNetwork(slot, id);
  await stopProxy(slot);
  await deleteRouter(slot);
  for (const folder of [deviceFolderOfSlot(slot), runtimeFolder(slot)]) {
    await rm(folder, { recursive: true, force: true });
  }
  await removeGroup(slotGroup(slot));
}

async function unmountBelow(folder: string): Promise<void> {
  for (const path of (await mountPoints()).toReversed()) {
    if (path.startsWith(`${folder}/`)) await run("umount", [path]);
  }
}

// The last mounts of a machine that was just killed go a moment after it.
async function releaseDisks(directory: string): Promise<void> {
  const folder = `${volumesFolder(directory)}/`;
  for (let attempt = 0; attempt < 200; attempt++) {
    await detachAllBelow(directory);
    if (!(await loopDevices()).some(({ file }) => file.startsWith(folder))) return;
    await sleep(50);
  }
  throw new Error(
    `Disks below ${folder} are still in use by something outside the cloud: see "losetup --list".`,
  );
}
