import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NetworkSpec, ServerSpec } from "../hypervisor.ts";
import { interfaceFileName, privateInterfaceFile, publicInterfaceFile } from "../networks/interfaces.ts";
import { deleteNamespace, ensureNamespace, setParameters } from "../networks/namespaces.ts";
import { plug, unplug } from "../networks/privateNetwork.ts";
import { connectPublic, disconnectPublic, hasIpv6 } from "../networks/router.ts";
import { attachVolume } from "../volumes/volumes.ts";
import { createGroup, groupFolders, isPopulated, killGroup, removeGroup, setDevices } from "./groups.ts";
import { leaderOf } from "./leader.ts";
import { deviceFolder, type Place, serverGroup, serverNamespace, serverPaths } from "./names.ts";
import { mountPoints, mountRoot } from "./rootfs.ts";
import { run } from "./run.ts";
import { startDetached } from "./start.ts";
import { superviseCommand } from "./supervise.ts";
import { watchesUsedUp } from "./watches.ts";

/** What a machine is connected to, by id. */
export type Networks = ReadonlyMap<number, NetworkSpec>;

export async function isRunning(place: Place, serverId: number): Promise<boolean> {
  return isPopulated(serverGroup(place.slot, serverId));
}

/** Everything that a machine needs before its init starts, made afresh, as a reset leaves nothing in memory. */
export async function prepare(place: Place, server: ServerSpec, networks: Networks): Promise<void> {
  await mountRoot(place, server.id);
  await pullCables(place, server);
  await forgetAtHost(serverNamespace(place.slot, server.id));
  await makeNamespace(place.slot, server.id);
  await connect(place, server, networks);
  const group = serverGroup(place.slot, server.id);
  await createGroup(group);
  await setDevices(group, []);
  const devices = deviceFolder(place.slot, server.id);
  await rm(devices, { recursive: true, force: true });
  await mkdir(join(devices, "by-id"), { recursive: true });
  for (const volume of server.volumes) await attachVolume(place, volume.id, server.id);
}

async function pullCables(place: Place, { id, networks }: ServerSpec): Promise<void> {
  await disconnectPublic(place.slot, id);
  for (const { networkId } of networks) await unplug(place.slot, networkId, id);
  await deleteNamespace(serverNamespace(place.slot, id));
}

async function makeNamespace(slot: number, serverId: number): Promise<void> {
  const name = serverNamespace(slot, serverId);
  await ensureNamespace(name);
  if (!(await hasIpv6())) return;
  // Nobody else is on a machine's cables: the second that looking for its own address takes would be lost.
  await setParameters(name, { "ipv6/conf/default/accept_dad": "0" });
}

/**
 * Connects a machine's namespace to all of its networks, and writes down for networkd what it finds there.
 * @returns Whether networkd was told anything new.
 */
export async function connect(place: Place, server: ServerSpec, networks: Networks): Promise<boolean> {
  const files = new Map<string, string>();
  const namespace = serverNamespace(place.slot, server.id);
  await connectPublic(place.slot, { ...server, namespace });
  const publicFile = publicInterfaceFile(server);
  if (publicFile) files.set(interfaceFileName("eth0"), publicFile);
  for (const attachment of server.networks) {
    const network = networks.get(attachment.networkId);
    if (!network)
      throw new Error(`Server ${server.id} is in network ${attachment.networkId}, which does not exist.`);
    const name = await plug(place.slot, { id: server.id, namespace, attachment });
    files.set(interfaceFileName(name), privateInterfaceFile(name, attachment, network, files.size === 0));
  }
  return writeInterfaceFiles(serverPaths(place.directory, server.id).network, files);
}

async function writeInterfaceFiles(folder: string, files: ReadonlyMap<string, string>): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  let changed = false;
  for (const name of await readdir(folder)) {
    if (files.has(name)) continue;
    await rm(join(folder, name), { force: true });
    changed = true;
  }
  for (const [name, content] of files) {
    const path = join(folder, name);
    if ((await readFile(path, "utf8").catch(() => null)) === content) continue;
    await writeFile(`${path}.new`, content);
    await rename(`${path}.new`, path);
    changed = true;
  }
  return changed;
}

/** Starts what was prepared, and waits for its init. */
export async function start(place: Place, serverId: number): Promise<void> {
  const groups = await groupFolders(serverGroup(place.slot, serverId));
  const { log, console: consoleFile } = serverPaths(place.directory, serverId);
  const started = startDetached({
    groups: groups.map((folder) => join(folder, "watch")),
    log,
    ...superviseCommand(place, serverId, groups),
  });
  const deadline = Date.now() + 20_000;
  while ((await leaderOf(place, serverId)) === null) {
    if (started.ended() || Date.now() > deadline)
      throw new Error(await failure(serverId, [consoleFile, log]));
    await sleep(10);
  }
}

async function failure(serverId: number, files: string[]): Promise<string> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return startFailure(serverId, texts, await watchesUsedUp());
}

// nspawn says this at each end where /run is no tmpfs.
const noise = /^Attempted to remove disk file system under /;

/**
 * Why a machine did not start; pure.
 * @param texts What its init and what runs it said, in this order.
 * @param reason What is known of the host, or null.
 */
export function startFailure(serverId: number, texts: string[], reason: string | null): string {
  const lines = texts.flatMap((text) => text.split("\n")).filter((line) => line.trim() && !noise.test(line));
  const words = [...lines.slice(-5), ...(reason ? [reason] : [])].join("\n");
  return `Server ${serverId} did not start${words ? `: ${words}` : "; its init said nothing."}`;
}

/** Pulls the plug. The disks keep what they have; nothing of the machine's memory stays. */
export async function stop(place: Place, serverId: number, networkIds: number[]): Promise<void> {
  const name = serverNamespace(place.slot, serverId);
  await killGroup(serverGroup(place.slot, serverId));
  await removeGroup(serverGroup(place.slot, serverId));
  await disconnectPublic(place.slot, serverId);
  for (const id of networkIds) await unplug(place.slot, id, serverId);
  await deleteNamespace(name);
  await forgetAtHost(name);
}

// Folders that nspawn makes for each machine, newer ones with a mount on them, and leaves where it was killed.
async function forgetAtHost(name: string): Promise<void> {
  for (const kind of ["propagate", "unix-export"]) {
    const folder = join("/run/systemd/nspawn", kind, name);
    while ((await mountPoints()).includes(folder)) await run("umount", [folder]);
    try {
      await rmdir(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}
