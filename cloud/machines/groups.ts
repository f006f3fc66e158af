import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Hierarchy, hierarchies } from "./hierarchies.ts";

/** How much of the host a machine may use. */
export interface Limits {
  cores: number;
  memoryBytes: number;
}

/** Groups below each machine's own: what starts it again, and the machine itself. */
export const leaves = ["watch", "machine"] as const;

/**
 * Makes the control group of this name in every hierarchy, with its two leaves.
 * @param name Relative to the root, as "phasewise/3/server-1".
 */
export async function createGroup(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    for (const leaf of leaves) await mkdir(join(hierarchy.path, name, leaf), { recursive: true });
    if (hierarchy.version === 2) await passControllersDown(hierarchy, name);
  }
}

// A controller reaches a group only where every group above hands it down. A host's kernel, or the container that
// we run in, may keep some back; then there is no limit of that kind.
async function passControllersDown(hierarchy: Hierarchy, name: string): Promise<void> {
  const parts = ["", ...name.split("/")];
  for (let depth = 1; depth <= parts.length; depth++) {
    const folder = join(hierarchy.path, ...parts.slice(0, depth));
    const offered = (await readFile(join(folder, "cgroup.controllers"), "utf8")).trim().split(" ");
    for (const controller of ["memory", "cpu", "pids"]) {
      if (!offered.includes(controller)) continue;
      await writeFile(join(folder, "cgroup.subtree_control"), `+${controller}`).catch(ignoreBusy);
    }
  }
}

// EBUSY: processes sit in that very group, as they do in a container's root group.
function ignoreBusy(error: NodeJS.ErrnoException): void {
  if (error.code !== "EBUSY") throw error;
}

/** Its folder in each hierarchy. */
export async function groupFolders(name: string): Promise<string[]> {
  return (await hierarchies()).map((hierarchy) => join(hierarchy.path, name));
}

/** What is to be written where, so that the limits hold. Pure; files are relative to the group's folder. */
export function limitWrites(
  hierarchy: Hierarchy,
  { cores, memoryBytes }: Limits,
): { file: string; value: string }[] {
  const period = 100_000;
  const quota = Math.round(cores * period);
  if (hierarchy.version === 2) {
    return [
      { file: "memory.max", value: String(memoryBytes) },
      { file: "cpu.max", value: `${quota} ${period}` },
    ];
  }
  const writes: { file: string; value: string }[] = [];
  if (hierarchy.controllers.includes("memory")) {
    writes.push({ file: "memory.limit_in_bytes", value: String(memoryBytes) });
  }
  if (hierarchy.controllers.includes("cpu")) {
    writes.push({ file: "cpu.cfs_period_us", value: String(period) });
    writes.push({ file: "cpu.cfs_quota_us", value: String(quota) });
  }
  return writes;
}

/** Applies the limits that this host can hold; returns the files of those that it can't. */
export async function setLimits(name: string, limits: Limits): Promise<string[]> {
  const impossible: string[] = [];
  for (const hierarchy of await hierarchies()) {
    for (const { file, value } of limitWrites(hierarchy, limits)) {
      const path = join(hierarchy.path, name, file);
      try {
        await writeFile(path, value, { flag: "r+" });
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EBUSY") throw tooSmall(limits);
        if (code !== "ENOENT") throw error;
        impossible.push(path);
      }
    }
  }
  return impossible;
}

function tooSmall({ memoryBytes }: Limits): Error {
  const mebibytes = Math.round(memoryBytes / 2 ** 20);
  return new Error(`The machine uses more than ${mebibytes} MiB of memory now: power it off first.`);
}

/** The devices that a machine may open: a console, random numbers, pseudo terminals; "tun" for tunnels. */
const ordinaryDevices = [
  "c 1:3",
  "c 1:5",
  "c 1:7",
  "c 1:8",
  "c 1:9",
  "c 5:0",
  "c 5:1",
  "c 5:2",
  "c 136:*",
  "c 10:200",
];

/**
 * Closes all devices of the host but the ordinary ones and these. Only control groups of version 1 have a file for
 * it; elsewhere a machine is held by the nodes that it is given, as it cannot make any.
 * @param blockDevices "7:0" and the like.
 */
export async function setDevices(name: string, blockDevices: string[]): Promise<void> {
  const hierarchy = await devicesHierarchy();
  if (!hierarchy) return;
  // The kernel closes all at once only where no group is below.
  const folder = join(hierarchy.path, name, "machine");
  await writeFile(join(folder, "devices.deny"), "a");
  for (const device of [...ordinaryDevices, ...blockDevices.map((numbers) => `b ${numbers}`)]) {
    await writeFile(join(folder, "devices.allow"), `${device} rwm`);
  }
}

/** Opens or closes one block device ("7:0") for a machine that may be running. */
export async function allowDevice(name: string, numbers: string, allowed: boolean): Promise<void> {
  const hierarchy = await devicesHierarchy();
  if (!hierarchy) return;
  const file = allowed ? "devices.allow" : "devices.deny";
  await writeFile(join(hierarchy.path, name, "machine", file), `b ${numbers} rwm`).catch(ignoreMissing);
}

async function devicesHierarchy(): Promise<Hierarchy | undefined> {
  return (await hierarchies()).find(({ controllers }) => controllers.includes("devices"));
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

/** Ids of its processes, those of its subgroups too. */
export async function processesOf(name: string): Promise<number[]> {
  const found = new Set<number>();
  for (const folder of await groupFolders(name)) {
    for (const id of await processesBelow(folder)) found.add(id);
  }
  return [...found];
}

async function processesBelow(folder: string): Promise<number[]> {
  const text = await readFile(join(folder, "cgroup.procs"), "utf8").catch(emptyIfGone);
  // 0 stands for a process of another process namespace.
  const own = text.split("\n").map(Number).filter(Boolean);
  const nested = await Promise.all((await subfolders(folder)).map((child) => processesBelow(child)));
  return [...own, ...nested.flat()];
}

// ENODEV: the group went away between open and read. EOPNOTSUPP: a threaded group, whose processes are its parent's.
function emptyIfGone(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT" || error.code === "ENODEV" || error.code === "EOPNOTSUPP") return "";
  throw error;
}

async function subfolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Whether anything runs in it. Cheap. */
export async function isPopulated(name: string): Promise<boolean> {
  // What starts the machine again lives as long as the machine does, also while that reboots.
  for (const folder of await groupFolders(join(name, "watch"))) {
    const text = await readFile(join(folder, "cgroup.procs"), "utf8").catch(emptyIfGone);
    if (text.trim() !== "") return true;
  }
  return (await processesOf(name)).length > 0;
}

/** Kills everything in it, at once and without asking, and waits until it is gone. */
export async function killGroup(name: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const processes = await processesOf(name);
    if (processes.length === 0) return;
    if (Date.now() > deadline) {
      throw new Error(
        `Processes ${processes.join(", ")} don't end, although they were killed. Nothing was removed.`,
      );
    }
    for (const id of processes) kill(id);
    await sleep(10);
  }
}

function kill(id: number): void {
  try {
    process.kill(id, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Removes the group in every hierarchy. It must be empty of processes. */
export async function removeGroup(name: string): Promise<void> {
  for (const folder of await groupFolders(name)) await removeFolder(folder);
}

async function removeFolder(folder: string, attempt = 0): Promise<void> {
  for (const child of await subfolders(folder)) await removeFolder(child);
  try {
    await rmdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    // A process that was just killed counts until it is wholly gone.
    if (code !== "EBUSY" || attempt >= 200) throw error;
    await sleep(10);
    await removeFolder(folder, attempt + 1);
  }
}

/** Names of the groups right below this one, as "server-1". */
export async function childGroups(name: string): Promise<string[]> {
  const names = new Set<string>();
  for (const folder of await groupFolders(name)) {
    for (const child of await subfolders(folder)) names.add(child.slice(folder.length + 1));
  }
  return [...names];
}
