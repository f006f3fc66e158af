import { mkdir, open, readdir, rename, rm, stat, truncate } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { VolumeSpec } from "../hypervisor.ts";
import { allowDevice } from "../machines/groups.ts";
import {
  deviceFolder,
  deviceFolderOfSlot,
  type Place,
  serverGroup,
  volumeFile,
  volumesFolder,
} from "../machines/names.ts";
import { run } from "../machines/run.ts";
import { attachLoop, detachLoop, growLoop, loopDevices } from "./loop.ts";

/**
 * A volume is a sparse file that a loop device makes a disk of. A machine sees it as a device node in a folder of its
 * own, which stands for /dev/disk inside: what is put there appears at once, also before the first mount at boot.
 */

const gigabyte = 2 ** 30;

/** Hetzner's name of the disk. */
export function diskName(volumeId: number): string {
  return `scsi-0HC_Volume_${volumeId}`;
}

/** Makes the disk where there is none. Its contents are there as a whole or not at all. */
export async function createVolume(place: Place, volume: VolumeSpec): Promise<void> {
  const file = volumeFile(place.directory, volume.id);
  if (await sizeOf(file)) return;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.new`;
  await rm(draft, { force: true });
  const handle = await open(draft, "w", 0o600);
  try {
    await handle.truncate(volume.sizeGb * gigabyte);
  } finally {
    await handle.close();
  }
  if (volume.format !== null) {
    try {
      await format(draft, volume.format);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }
  await rename(draft, file);
}

async function format(file: string, type: "ext4" | "xfs"): Promise<void> {
  // The blocks of a new file are zero already, so that nothing needs to be discarded.
  const options = { ext4: ["-q", "-F", "-E", "nodiscard"], xfs: ["-q", "-f", "-K"] };
  await run(`mkfs.${type}`, [...options[type], file]);
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

/** Makes the disk appear in a machine, running or not. */
export async function attachVolume(place: Place, volumeId: number, serverId: number): Promise<void> {
  const file = volumeFile(place.directory, volumeId);
  if (!(await sizeOf(file))) throw new Error(`Volume ${volumeId} has no disk: ${file} is not there.`);
  const { numbers } = await attachLoop(file);
  const node = nodePath(place.slot, serverId, volumeId);
  await allowDevice(serverGroup(place.slot, serverId), numbers, true);
  if ((await nodeNumbers(node)) === numbers) return;
  await mkdir(dirname(node), { recursive: true, mode: 0o755 });
  await rm(node, { force: true });
  await run("mknod", ["--mode=0660", node, "b", ...numbers.split(":")]);
}

/** "7:0" of a block device's node; null where there is none. */
async function nodeNumbers(path: string): Promise<string | null> {
  try {
    const stats = await stat(path);
    if (!stats.isBlockDevice()) return null;
    // The kernel's encoding of a device number in user space, see makedev(3).
    const major = ((stats.rdev >> 8) & 0xfff) >>> 0;
    const minor = ((stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00)) >>> 0;
    return `${major}:${minor}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function nodePath(slot: number, serverId: number, volumeId: number): string {
  return join(deviceFolder(slot, serverId), "by-id", diskName(volumeId));
}

/** Ids of the machines that are given the disk. */
export async function holdersOf(slot: number, volumeId: number): Promise<number[]> {
  const servers = await serversWithDevices(slot);
  const numbers = await Promise.all(servers.map((id) => nodeNumbers(nodePath(slot, id, volumeId))));
  return servers.filter((_, index) => numbers[index] !== null);
}

/** Takes the disk's node out of whichever machines have it. */
export async function removeNodes(slot: number, volumeId: number): Promise<void> {
  for (const serverId of await holdersOf(slot, volumeId)) {
    const node = nodePath(slot, serverId, volumeId);
    const numbers = await nodeNumbers(node);
    await rm(node, { force: true });
    if (numbers !== null) await allowDevice(serverGroup(slot, serverId), numbers, false);
  }
}

async function serversWithDevices(slot: number): Promise<number[]> {
  return (await entries(deviceFolderOfSlot(slot))).map(Number);
}

/** Ids of the volumes whose disks a machine is given. */
export async function volumesOf(slot: number, serverId: number): Promise<number[]> {
  const names = await entries(join(deviceFolder(slot, serverId), "by-id"));
  return names.map((name) => Number(name.slice(diskName(0).length - 1)));
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/**
 * Gives the disk back.
 * @param cutOff The file system on it was cut off: whoever still has its files open can't write to it any more.
 * @throws Error where something still uses it after 10 s.
 */
export async function releaseDisk(place: Place, volumeId: number, cutOff = false): Promise<void> {
  const file = volumeFile(place.directory, volumeId);
  for (let attempt = 0; attempt < 200; attempt++) {
    if ((await detachLoop(file)) || cutOff) return;
    await sleep(50);
  }
  throw new Error(
    `Volume ${volumeId} is still in use by its server. Its data are safe. Power the server off, or end what uses the disk.`,
  );
}

/** Makes the disk as large as declared; a smaller size is refused by the API and never gets here. */
export async function resizeVolume(place: Place, volume: VolumeSpec): Promise<void> {
  const file = volumeFile(place.directory, volume.id);
  const wanted = volume.sizeGb * gigabyte;
  if ((await sizeOf(file)) < wanted) await truncate(file, wanted);
  await growLoop(file);
}

export async function deleteVolume(place: Place, volumeId: number): Promise<void> {
  await removeNodes(place.slot, volumeId);
  // What was cut off may keep a dead device for a while; the file's room comes back with it.
  await releaseDisk(place, volumeId, true);
  const file = volumeFile(place.directory, volumeId);
  await rm(file, { force: true });
  await rm(`${file}.new`, { force: true });
}

/** Ids of the volumes that have a file. */
export async function storedVolumes(place: Place): Promise<number[]> {
  const names = await entries(volumesFolder(place.directory));
  return [...new Set(names.map((name) => Number.parseInt(name, 10)))].filter(Number.isInteger);
}

/** Detaches the loop devices of all files below a folder, also of files that are gone. */
export async function detachAllBelow(directory: string): Promise<void> {
  const folder = volumesFolder(directory);
  for (const { file } of await loopDevices()) {
    if (dirname(file) === folder && basename(file).endsWith(".img")) await detachLoop(file);
  }
}
