import { access, mkdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { requireSpace } from "../../toolchain/disk.ts";
import { waitForLock } from "../../toolchain/lock.ts";
import { cacheFolder } from "../../toolchain/paths.ts";
import { run } from "../machines/run.ts";
import { buildRoot } from "./build.ts";
import { draftSuffix, pruneImages } from "./prune.ts";
import { type Recipe, recipe, recipeHash, sharedAptOptions } from "./recipe.ts";
import { removeTree } from "./removeTree.ts";

/** A build's downloads, what it unpacks, and room for the machines' own beginnings. */
const neededBytes = 3e9;

/** Where the machine keeps images for all clouds. */
export function imagesFolder(): string {
  return join(cacheFolder(), "images");
}

/** The recipe that this host would build. */
export async function hostRecipe(prebaked: string[]): Promise<Recipe> {
  const architecture = (await run("dpkg", ["--print-architecture"])).trim();
  return recipe(prebaked, architecture, sharedAptOptions(await run("apt-config", ["dump"])));
}

/**
 * Finds the image with these packages, or builds it; builders at the same time wait for each other. What is under an
 * image's name is always whole: it gets the name last.
 * @returns The folder with its root filesystem.
 * @throws Problem where it can't be built.
 */
export async function ensureImage(prebaked: string[], onProgress: (line: string) => void): Promise<string> {
  const wanted = await hostRecipe(prebaked);
  const folder = join(imagesFolder(), recipeHash(wanted));
  const root = join(folder, "root");
  if ((await isThere(root)) && (await touch(folder))) return root;
  await mkdir(imagesFolder(), { recursive: true, mode: 0o755 });
  await using _ = await waitForLock(folder, "build the machine image", (holder) =>
    onProgress(`Machine image: process ${holder.pid} builds it, waiting`),
  );
  if (!(await isThere(root))) await build(wanted, folder, onProgress);
  return root;
}

/** Notes that the image is in use, so that it is not taken for an old one; false where it was just removed as such. */
async function touch(folder: string): Promise<boolean> {
  const now = new Date();
  try {
    await utimes(folder, now, now);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function build(wanted: Recipe, folder: string, onProgress: (line: string) => void): Promise<void> {
  const draft = `${folder}${draftSuffix}`;
  await removeTree(draft);
  await pruneImages(imagesFolder(), basename(folder));
  await requireSpace(imagesFolder(), neededBytes, "building the machine image");
  onProgress("Machine image: building it, once for this machine (about a minute)");
  await mkdir(draft, { mode: 0o755 });
  try {
    await buildRoot(wanted, draft, `${folder}.log`, onProgress);
    await writeFile(join(draft, "recipe.json"), `${JSON.stringify(wanted, null, 2)}\n`);
    // Without it, a power cut soon after could leave a whole image's name on half of one.
    await run("sync", ["--file-system", draft]);
  } catch (error) {
    await removeTree(draft);
    throw error;
  }
  await rename(draft, folder);
  await rm(`${folder}.log`, { force: true });
  onProgress("Machine image: built");
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
