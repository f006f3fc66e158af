import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

export interface HostPackage {
  /** Debian's name. */
  name: string;
  /** A program that only this package brings. */
  program: string;
  /** Only few clouds need it; whoever does is told then. */
  optional?: true;
}

/** What the embedded cloud needs of the machine that it runs on, beside an ordinary Debian's base system. */
export const hostPackages: readonly HostPackage[] = [
  { name: "mmdebstrap", program: "mmdebstrap" },
  { name: "systemd-container", program: "systemd-nspawn" },
  { name: "iproute2", program: "ip" },
  { name: "nftables", program: "nft" },
  { name: "e2fsprogs", program: "mkfs.ext4" },
  { name: "xfsprogs", program: "mkfs.xfs", optional: true },
  { name: "util-linux", program: "nsenter" },
  { name: "mount", program: "losetup" },
  { name: "apt-cacher-ng", program: "apt-cacher-ng" },
  { name: "haproxy", program: "haproxy" },
];

/** Where programs for root are, whatever the PATH of the caller's shell: Debian's `su` leaves /usr/sbin out. */
export function programPath(path: string | undefined = process.env.PATH): string {
  const folders = (path ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const folder of ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]) {
    if (!folders.includes(folder)) folders.push(folder);
  }
  return folders.join(delimiter);
}

/**
 * Names of the Debian packages that are still to be installed; empty where all are there.
 * @param path Folders to search, as in PATH.
 */
export async function missingHostPackages(path: string = programPath()): Promise<string[]> {
  const folders = path.split(delimiter);
  const missing: string[] = [];
  for (const { name, program, optional } of hostPackages) {
    if (optional) continue;
    const found = await Promise.all(folders.map((folder) => isExecutable(join(folder, program))));
    if (!found.includes(true)) missing.push(name);
  }
  return missing;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
