import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { leftoversIn, slotOf } from "./leftovers.ts";
import type { Stack } from "./stack.ts";

/**
 * What a power failure of the host takes from a stack's cloud: every process at once, and all that lives in the
 * kernel or in memory only (mounts, disks, namespaces, interfaces, routes, control groups, /dev, /run). Files stay.
 * What the kernel had not written to its disk yet cannot be lost this way.
 */
export async function powerLoss(stack: Stack): Promise<void> {
  const cloud = join(stack.directory, "cloud");
  const slot = slotOf(stack.directory);
  const groups = await controlGroups(slot);
  const { pid } = await stack.cloudStatus();
  process.kill(pid, "SIGKILL");
  // What starts a machine again is killed with it, but not in the same moment.
  for (let attempt = 0; attempt < 50; attempt++) {
    const alive = groups.flatMap(processesOf);
    if (alive.length === 0) break;
    for (const one of alive) kill(one);
    await sleep(100);
  }
  const still = groups.flatMap(processesOf);
  if (still.length > 0) throw new Error(`processes ${still.join(", ")} of slot ${slot} do not end`);
  await forgetKernel(slot, cloud);
  // Machines made some of them until their last moment.
  const empty = await controlGroups(slot);
  for (const group of empty.reverse()) if (existsSync(group)) await execa("rmdir", [group]);
  for (const folder of [`/dev/phasewise/${slot}`, `/run/phasewise/${slot}`]) {
    rmSync(folder, { recursive: true, force: true });
  }
  const left = await leftoversIn(cloud);
  if (left.length > 0) throw new Error(`a power failure would have taken: ${left.join("; ")}`);
}

/** Folders of a slot's control groups in all hierarchies, each after those above it. */
async function controlGroups(slot: number): Promise<string[]> {
  const { stdout } = await execa("find", ["/sys/fs/cgroup", "-type", "d", "-path", `*/phasewise/${slot}*`]);
  return stdout.split("\n").filter((path) => new RegExp(`/phasewise/${slot}(/|$)`).test(path));
}

function processesOf(group: string): number[] {
  try {
    return readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    // It went with its last process.
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

async function forgetKernel(slot: number, cloud: string): Promise<void> {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${cloud}/`));
  for (const path of mounts.reverse()) await execa("umount", ["--lazy", path]);
  for (const name of readdirSync("/run/netns").filter((each) =>
    new RegExp(`^phasewise-${slot}(-|$)`).test(each),
  )) {
    await execa("ip", ["netns", "delete", name]);
  }
  await execa("ip", ["link", "delete", `pw${slot}`], { reject: false });
  for (const family of ["-4", "-6"]) {
    const { stdout } = await execa("ip", [family, "-json", "route", "show", "type", "blackhole"]);
    for (const { dst } of JSON.parse(stdout || "[]") as { dst: string }[]) {
      if (!blackholeOf(slot, dst)) continue;
      await execa("ip", [family, "route", "delete", "blackhole", dst]);
    }
  }
  await releaseDisks(cloud);
}

function blackholeOf(slot: number, destination: string): boolean {
  const four = `198.${18 + Math.floor(slot / 256)}.${slot % 256}.0/24`;
  const six = `2001:2:0:${(slot * 128 + 64).toString(16)}::/58`;
  return destination === four || destination === six;
}

/** A disk goes with its last user, which is a moment after the machine's last process. */
async function releaseDisks(cloud: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { stdout } = await execa("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"]);
    const own = stdout.split("\n").filter((line) => line.includes(`${cloud}/`));
    if (own.length === 0) return;
    for (const line of own) await execa("losetup", ["--detach", line.split(/\s+/)[0]!], { reject: false });
    await sleep(100);
  }
  throw new Error(`disks below ${cloud} are still in use`);
}
