import { readdirSync, readFileSync, readlinkSync } from "node:fs";
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

/** What the machine's kernel holds of networks: compared with before, since their names carry no folder. */
export async function networkState(): Promise<string[]> {
  const links = (await lines("ip", "-o", "link")).map(
    (line) => `link ${line.split(":")[1]?.trim().split("@")[0]}`,
  );
  const routes = (await lines("ip", "route")).map((line) => `route ${line.trim()}`);
  const namespaces = (await lines("ip", "netns")).map((line) => `namespace ${line.split(" ")[0]}`);
  return [...links, ...routes, ...namespaces].sort();
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
