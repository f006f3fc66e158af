import { readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { run, succeeds } from "../machines/run.ts";

/** Where iproute2 keeps the names of network namespaces, see ip-netns(8). */
const folder = "/run/netns";
/** NSFS_MAGIC of linux/magic.h. */
const namespaceFilesystem = 0x6e736673;

export function namespacePath(name: string): string {
  return join(folder, name);
}

export async function namespaceExists(name: string): Promise<boolean> {
  try {
    return (await statfs(namespacePath(name))).type === namespaceFilesystem;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Makes it where it is missing, with its loopback up. */
export async function ensureNamespace(name: string): Promise<void> {
  if (!(await namespaceExists(name))) {
    // Where /run is on a disk, a reboot of the host leaves the name without its namespace.
    await rm(namespacePath(name), { force: true });
    await run("ip", ["netns", "add", name]);
  }
  await run("ip", ["-n", name, "link", "set", "lo", "up"]);
}

export async function deleteNamespace(name: string): Promise<void> {
  if (await namespaceExists(name)) await run("ip", ["netns", "delete", name]);
  await rm(namespacePath(name), { force: true });
}

/** Names that start so. */
export async function namespacesWith(prefix: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.startsWith(prefix));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/**
 * Runs lines of ip(8) in a namespace; the first that fails ends it.
 * @param namespace null: the host's.
 */
export async function ip(namespace: string | null, lines: string[]): Promise<void> {
  if (lines.length === 0) return;
  await run("ip", [...inside(namespace), "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

function inside(namespace: string | null): string[] {
  return namespace === null ? [] : ["-n", namespace];
}

export async function linkExists(namespace: string | null, name: string): Promise<boolean> {
  return succeeds("ip", [...inside(namespace), "link", "show", "dev", name]);
}

/** Removes it where it is there. */
export async function deleteLink(namespace: string | null, name: string): Promise<void> {
  if (!(await linkExists(namespace, name))) return;
  try {
    await run("ip", [...inside(namespace), "link", "delete", "dev", name]);
  } catch (error) {
    // It has gone meanwhile, as a cable goes with the namespace of its other end.
    if (await linkExists(namespace, name)) throw error;
  }
}

export interface Link {
  name: string;
  macAddress: string;
}

export async function linksOf(namespace: string): Promise<Link[]> {
  const text = await run("ip", ["-n", namespace, "-json", "link", "show"]);
  const links = JSON.parse(text) as { ifname: string; address: string }[];
  return links.map((link) => ({ name: link.ifname, macAddress: link.address }));
}

interface Route {
  dst: string;
  /** "unreachable" and the like; none for an ordinary one. */
  type?: string;
  protocol?: string;
}

/**
 * Removes routes but for these and the kernel's own.
 * @param kept CIDRs.
 * @param link Only those that lead over it; null: all.
 */
export async function dropRoutes(namespace: string, kept: string[], link: string | null): Promise<void> {
  for (const family of ["-4", "-6"]) {
    const over = link === null ? [] : ["dev", link];
    const text = await run("ip", ["-n", namespace, family, "-json", "route", "show", ...over]);
    const routes = (text.trim() === "" ? [] : JSON.parse(text)) as Route[];
    const stale = routes.filter(({ dst, protocol }) => {
      const cidr = dst.includes("/") || family === "-6" ? dst : `${dst}/32`;
      return protocol !== "kernel" && !kept.includes(cidr);
    });
    const lines = stale.map(({ dst, type }) =>
      ["route delete", type ?? "", destination(family, dst), ...over].filter((word) => word !== "").join(" "),
    );
    await ip(namespace, lines);
  }
}

function destination(family: string, dst: string): string {
  return family === "-6" && dst === "default" ? "::/0" : dst;
}

/**
 * Sets kernel parameters of a namespace's own network.
 * @param parameters Paths below /proc/sys/net, as "ipv4/ip_forward", and their values.
 */
export async function setParameters(namespace: string, parameters: Record<string, string>): Promise<void> {
  const lines = Object.entries(parameters).map(([path, value]) => `echo ${value} > /proc/sys/net/${path}`);
  await run("ip", ["netns", "exec", namespace, "sh", "-e", "-c", lines.join("\n")]);
}

/** Destinations of the host's IPv4 routes as CIDRs, without the default one. */
export async function hostRoutes(): Promise<string[]> {
  const routes = JSON.parse(await run("ip", ["-json", "-4", "route", "show", "table", "main"])) as {
    dst: string;
  }[];
  return routes
    .map(({ dst }) => dst)
    .filter((destination) => destination !== "default")
    .map((destination) => (destination.includes("/") ? destination : `${destination}/32`));
}
