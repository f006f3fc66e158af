import { access, chmod, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ServerSpec } from "../hypervisor.ts";
import { publicRangeOf } from "../networks/slots.ts";
import { type Place, serverPaths } from "./names.ts";
import { run } from "./run.ts";
import { seedFiles } from "./seed.ts";

/**
 * A machine's root filesystem: the image below, and above it a folder with all that the machine wrote.
 * "upper" is there once it is whole, and "image", a link, says for its whole life which image it lies on.
 */

/** @param image The image's root. */
export async function createRoot(place: Place, server: ServerSpec, image: string): Promise<void> {
  const paths = serverPaths(place.directory, server.id);
  if (await isThere(paths.upper)) return;
  await rm(paths.folder, { recursive: true, force: true });
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  for (const folder of [paths.work, paths.root, paths.network]) await mkdir(folder);
  const draft = `${paths.upper}.new`;
  await makeFolder(draft);
  for (const { path, content, mode } of seedFiles(server, publicRangeOf(place.slot).gateway)) {
    await makeFolders(draft, dirname(path));
    await writeFile(join(draft, path), content);
    await chmod(join(draft, path), mode);
  }
  await symlink(image, paths.image);
  await rename(draft, paths.upper);
}

// Folders of the upper layer give theirs rights to what they cover.
async function makeFolders(root: string, path: string): Promise<void> {
  const parts = path.split("/");
  for (let depth = 1; depth <= parts.length; depth++) await makeFolder(join(root, ...parts.slice(0, depth)));
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
}

export async function hasRoot(place: Place, serverId: number): Promise<boolean> {
  return isThere(serverPaths(place.directory, serverId).upper);
}

/** @throws Error where the image is gone. */
export async function mountRoot(place: Place, serverId: number): Promise<void> {
  const paths = serverPaths(place.directory, serverId);
  if (await isMounted(paths.root)) return;
  if (!(await isThere(join(paths.image, "usr")))) {
    throw new Error(
      `Server ${serverId} can't start: the image that it was made from is gone from the cache. Its volumes are untouched. Rebuild the server, or delete it and make a new one.`,
    );
  }
  // Relative, as a colon or a comma in the folder's path would mean something to overlayfs.
  const options = "lowerdir=image,upperdir=upper,workdir=work";
  try {
    await run("mount", ["-t", "overlay", "-o", options, "overlay", paths.root], { cwd: paths.folder });
  } catch (error) {
    throw new Error(
      `The file system of server ${serverId} could not be mounted. ${place.directory} must be on ext4, XFS, Btrfs or tmpfs (not on another overlay, as in most containers): PHASEWISE_DIR puts it elsewhere. ${(error as Error).message}`,
      { cause: error },
    );
  }
}

export async function unmountRoot(place: Place, serverId: number): Promise<void> {
  const { root } = serverPaths(place.directory, serverId);
  while (await isMounted(root)) await run("umount", [root]);
}

async function isMounted(path: string): Promise<boolean> {
  return (await mountPoints()).includes(path);
}

/** Of this process's own view, in the order in which they were mounted. */
export async function mountPoints(): Promise<string[]> {
  const text = await readFile("/proc/self/mountinfo", "utf8");
  return text
    .split("\n")
    .map((line) => line.split(" ")[4])
    .filter((path): path is string => path !== undefined)
    .map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8))),
    );
}

/** Removes all that a machine had. It must be off. */
export async function deleteRoot(place: Place, serverId: number): Promise<void> {
  await unmountRoot(place, serverId);
  await rm(serverPaths(place.directory, serverId).folder, { recursive: true, force: true });
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
