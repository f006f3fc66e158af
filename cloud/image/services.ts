import { readdir, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { run } from "../machines/run.ts";

/**
 * Disables the services of packages that are in the image for speed alone, so that a machine starts as it would with
 * the packages not there; whoever installs them "again" also says what shall run.
 * @param root The image's root.
 */
export async function disablePrebaked(root: string, prebaked: string[]): Promise<void> {
  if (prebaked.length === 0) return;
  const owned = await onlyNeededBy(root, prebaked);
  const units: string[] = [];
  for (const file of await enabledUnitFiles(root)) {
    const owner = await ownerOf(root, file);
    if (owner && owned.has(owner)) units.push(basename(file));
  }
  if (units.length > 0) await inside(root, ["systemctl", "--quiet", "disable", ...new Set(units)]);
}

/** The packages and all that nothing else in the image needs. */
async function onlyNeededBy(root: string, packages: string[]): Promise<Set<string>> {
  await inside(root, ["apt-mark", "auto", ...packages]);
  try {
    const plan = await inside(root, ["apt-get", "--simulate", "autoremove"]);
    const removed = [...plan.matchAll(/^Remv (\S+)/gm)].map((match) => match[1] as string);
    return new Set([...packages, ...removed]);
  } finally {
    await inside(root, ["apt-mark", "manual", ...packages]);
  }
}

/** Files of the units that start at boot, as paths inside. */
async function enabledUnitFiles(root: string): Promise<string[]> {
  const folder = join(root, "etc/systemd/system");
  const files = new Set<string>();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || !/\.(wants|requires)$/.test(entry.name)) continue;
    for (const name of await readdir(join(folder, entry.name))) {
      files.add(await readlink(join(folder, entry.name, name)));
    }
  }
  return [...files];
}

async function ownerOf(root: string, file: string): Promise<string | null> {
  // dpkg knows a file by the path that its package names, which need not be the merged /usr's.
  const paths = [file, file.replace(/^\/usr\/lib\//, "/lib/"), file.replace(/^\/lib\//, "/usr/lib/")];
  const output = await inside(root, [
    "sh",
    "-c",
    'dpkg-query --search "$@" 2>/dev/null || true',
    "sh",
    ...paths,
  ]);
  return output.split(":")[0] || null;
}

async function inside(root: string, command: string[]): Promise<string> {
  return run("chroot", [root, ...command]);
}
