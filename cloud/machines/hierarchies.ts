import { readFile } from "node:fs/promises";

/** One mounted tree of control groups. */
export interface Hierarchy {
  version: 1 | 2;
  /** Where it is mounted. */
  path: string;
  /** Version 1: its controllers, as "cpu", or "name=systemd". Version 2: none, its files say which there are. */
  controllers: string[];
}

/** The hierarchies that /proc/self/mountinfo tells of, each once. */
export function parseHierarchies(mountinfo: string): Hierarchy[] {
  const found = new Map<string, Hierarchy>();
  for (const line of mountinfo.split("\n")) {
    const hierarchy = parseLine(line);
    if (!hierarchy) continue;
    const key = `${hierarchy.version} ${hierarchy.controllers.join()}`;
    if (!found.has(key)) found.set(key, hierarchy);
  }
  return [...found.values()];
}

// "35 29 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory", see proc_pid_mountinfo(5).
function parseLine(line: string): Hierarchy | null {
  const [mount, filesystem] = line.split(" - ");
  if (!mount || !filesystem) return null;
  const path = mount.split(" ")[4];
  const [type, , options] = filesystem.split(" ");
  if (!path || !options) return null;
  if (type === "cgroup2") return { version: 2, path, controllers: [] };
  if (type !== "cgroup") return null;
  const flags = new Set(["rw", "ro", "xattr", "noprefix", "clone_children"]);
  const controllers = options
    .split(",")
    .filter((option) => !flags.has(option) && !option.startsWith("release_agent="));
  return { version: 1, path, controllers };
}

/**
 * The hierarchies in which each machine gets a group: those that limit or watch it, and those in which its own
 * init would otherwise meet other machines'.
 */
export function usedHierarchies(all: Hierarchy[]): Hierarchy[] {
  const wanted = ["memory", "cpu", "devices", "pids", "name=systemd"];
  return all.filter(
    ({ version, controllers }) => version === 2 || controllers.some((name) => wanted.includes(name)),
  );
}

let cached: Hierarchy[] | undefined;

/** @throws Error where the host shows no control groups. */
export async function hierarchies(): Promise<Hierarchy[]> {
  cached ??= usedHierarchies(parseHierarchies(await readFile("/proc/self/mountinfo", "utf8")));
  if (cached.length === 0) {
    cached = undefined;
    throw new Error(
      "No control groups are mounted on this machine, so that machines can't be kept apart. Mount them: mount -t cgroup2 none /sys/fs/cgroup",
    );
  }
  return cached;
}
