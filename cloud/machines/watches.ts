import { readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

const limitFile = "/proc/sys/fs/inotify/max_user_instances";

/**
 * How many instances of inotify root may have for the machines of a host: systemd in each takes five (more while it
 * boots), and without user namespaces the kernel counts all machines' as root's. Linux begins with 128, which the
 * 26th machine does not fit into: its init ends at once with code 255 and says nothing.
 */
export const wantedInstances = 8192;

/**
 * Raises the host's limit where it is lower, never lowers it. It lasts until the host's next start.
 * @param file The kernel's file, for tests.
 */
export async function allowWatches(onProgress: (line: string) => void, file = limitFile): Promise<void> {
  const limit = await readLimit(file);
  if (limit >= wantedInstances) return;
  try {
    await writeFile(file, String(wantedInstances), { flag: "r+" });
  } catch (error) {
    onProgress(
      `About ${Math.floor(limit / 5)} machines can run at once on this host, as all clouds together have ${limit} instances of inotify, and the limit could not be raised (${(error as Error).message}). As the host's administrator: sysctl -w fs.inotify.max_user_instances=${wantedInstances}`,
    );
  }
}

async function readLimit(file: string): Promise<number> {
  return Number(await readFile(file, "utf8"));
}

/** What to say of the limit where a machine's init ended without a word; null where there is room. */
export async function watchesUsedUp(): Promise<string | null> {
  return usedUp(await countInstances(), await readLimit(limitFile));
}

/** Pure. What had ended by the time of counting is no longer counted, so a machine's worth below counts as full. */
export function usedUp(used: number, limit: number): string | null {
  if (used + 10 <= limit) return null;
  return `This host's instances of inotify are used up (${used} of ${limit}), which each machine needs: sysctl -w fs.inotify.max_user_instances=${wantedInstances}`;
}

/** Of root, the machines' among them. */
async function countInstances(): Promise<number> {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const counts = await Promise.all(processes.map((id) => countOf(join("/proc", id))));
  return counts.reduce((sum, count) => sum + count, 0);
}

// A process may end while we look, and then counts for nothing.
async function countOf(folder: string): Promise<number> {
  const status = await readFile(join(folder, "status"), "utf8").catch(() => "");
  if (!/^Uid:\s+0\s/m.test(status)) return 0;
  const files = await readdir(join(folder, "fd")).catch(() => []);
  const targets = await Promise.all(files.map((file) => readlink(join(folder, "fd", file)).catch(() => "")));
  return targets.filter((target) => target === "anon_inode:inotify").length;
}
