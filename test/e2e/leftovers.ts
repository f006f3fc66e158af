import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";

const lines = async (command: string, ...args: string[]): Promise<string[]> =>
  (await execa(command, args)).stdout.split("\n").filter(Boolean);

/** Processes whose command line, root or working directory lies in the folder. */
function processesIn(folder: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        const places = [command, readlinkSync(`/proc/${pid}/cwd`), readlinkSync(`/proc/${pid}/root`)];
        return places.some((place) => place.includes(folder)) ? [`process ${pid}: ${command}`] : [];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

/** The number of a stack's embedded cloud. @param folder The stack's. */
export function slotOf(folder: string): number {
  return Number(readFileSync(join(folder, "cloud/machines/slot"), "utf8").trim());
}

/** What the host's kernel holds of an embedded cloud's networks: their names and addresses carry its slot, no folder. */
export async function networksOf(slot: number): Promise<string[]> {
  const range = `198.${18 + Math.floor(slot / 256)}.${slot % 256}.`;
  const links = (await lines("ip", "-o", "link"))
    .map((line) => line.split(":")[1]!.trim().split("@")[0]!)
    .filter((name) => name === `pw${slot}`);
  const routes = (await lines("ip", "route")).filter((line) => line.includes(range));
  const namespaces = (await lines("ip", "netns"))
    .map((line) => line.split(" ")[0]!)
    .filter((name) => name === `phasewise-${slot}` || name.startsWith(`phasewise-${slot}-`));
  return [
    ...links.map((name) => `link ${name}`),
    ...routes.map((line) => `route ${line.trim()}`),
    ...namespaces.map((name) => `namespace ${name}`),
  ];
}

/** All that still points into a folder: processes, mounts, loop devices. */
export async function leftoversIn(folder: string): Promise<string[]> {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const loops = await lines("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE");
  return [
    ...processesIn(folder),
    ...mounts.filter((line) => line.includes(folder)).map((line) => `mount ${line}`),
    ...loops.filter((line) => line.includes(folder)).map((line) => `loop device ${line}`),
  ];
}
