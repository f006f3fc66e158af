import { readdir, readlink, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { isLock, tryLock } from "../../toolchain/lock.ts";
import { serversFolder } from "../machines/names.ts";
import { knownDirectories } from "../networks/slots.ts";
import { removeTree } from "./removeTree.ts";

/** An image that nobody asked for in so long, and that no machine lies on, is not kept. */
const keptMs = 14 * 24 * 60 * 60 * 1000;

/** What an unfinished or half-removed image is called. */
export const draftSuffix = ".building";

/**
 * Removes what dead builders left, and images of older recipes that nobody uses.
 * @param folder Where the images are.
 * @param current Name of one that stays in any case.
 */
export async function pruneImages(folder: string, current: string): Promise<void> {
  const used = await usedImages();
  for (const name of await readdir(folder)) {
    if (name === current || name === `${current}${draftSuffix}` || name.endsWith(".log")) continue;
    const image = join(folder, name.replace(draftSuffix, ""));
    const lock = await tryLock(image, "remove an old machine image");
    if (!isLock(lock)) continue;
    await using _ = lock;
    if (name.endsWith(draftSuffix)) await removeTree(join(folder, name));
    else if (!used.has(join(image, "root")) && (await isOld(image))) await remove(image);
  }
}

async function isOld(path: string): Promise<boolean> {
  return Date.now() - (await stat(path)).mtimeMs > keptMs;
}

// Under its name an image is whole, so the name goes first.
async function remove(image: string): Promise<void> {
  await rename(image, `${image}${draftSuffix}`);
  await removeTree(`${image}${draftSuffix}`);
}

/** Roots of the images on which machines of any cloud of this host lie. */
async function usedImages(): Promise<Set<string>> {
  const used = new Set<string>();
  for (const directory of await knownDirectories()) {
    const servers = serversFolder(directory);
    for (const id of await readdir(servers).catch(() => [])) {
      const root = await readlink(join(servers, id, "image")).catch(() => null);
      if (root !== null) used.add(root);
    }
  }
  return used;
}
