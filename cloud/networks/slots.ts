import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { waitForLock } from "../../toolchain/lock.ts";
import { parseRange, type Range } from "../api/addresses.ts";
import type { PublicRange } from "../hypervisor.ts";

/**
 * A slot is the number of an embedded cloud on its machine: from it come the names and addresses of everything that
 * the cloud makes outside its own folder, so that clouds beside each other never meet. It is claimed once, by a file
 * that all clouds of the machine look at, and kept for the life of the cloud's folder.
 */
export const slotCount = 512;

/** Who has which slot. Not below a home or a cache folder, as these differ between callers. */
export const registryFolder = "/var/lib/phasewise-cloud/slots";

/**
 * Addresses of a slot: a /24 of 198.18.0.0/15 and a /57 of 2001:2::/48, ranges that RFC 2544 and RFC 5180 keep for
 * tests, so that they are nobody's.
 */
export function publicRangeOf(slot: number): PublicRange {
  const prefix = slotPrefix(slot);
  return {
    ipv4: { first: `${prefix}.2`, last: `${prefix}.254` },
    ipv6: `2001:2:0:${(slot * 128 + 64).toString(16)}::/58`,
    gateway: `${prefix}.1`,
  };
}

/** The host's own IPv6 address on the public network, in the half of the slot's /57 that no machine has. */
export function hostAddress6(slot: number): string {
  return `2001:2:0:${(slot * 128).toString(16)}::1`;
}

/** "198.18.3.0/24" */
export function slotRange(slot: number): string {
  return `${slotPrefix(slot)}.0/24`;
}

function slotPrefix(slot: number): string {
  return `198.${18 + Math.floor(slot / 256)}.${slot % 256}`;
}

/** Where the search for a free slot starts: folders keep their number where they can. */
export function preferredSlot(directory: string): number {
  let hash = 5381;
  for (const character of directory) hash = (hash * 33 + (character.codePointAt(0) ?? 0)) % 2 ** 31;
  return hash % slotCount;
}

/** Slots in the order in which they are tried, without those whose addresses the host already routes elsewhere. */
export function candidateSlots(directory: string, routes: string[]): number[] {
  const taken = routes.map(parseRange).filter((range): range is Range => range !== null && range.prefix > 0);
  const start = preferredSlot(directory);
  const order = Array.from({ length: slotCount }, (_, index) => (start + index) % slotCount);
  return order.filter((slot) => {
    const range = parseRange(slotRange(slot)) as Range;
    return !taken.some((other) => other.first <= range.last && range.first <= other.last);
  });
}

function slotFile(directory: string): string {
  return join(directory, "slot");
}

function claimFile(slot: number): string {
  return join(registryFolder, String(slot));
}

/** The slot of this folder's cloud, or null where it has none. */
export async function claimedSlot(directory: string): Promise<number | null> {
  const text = await readIfThere(slotFile(directory));
  if (text === null) return null;
  const slot = Number(text.trim());
  if (!Number.isInteger(slot) || slot < 0 || slot >= slotCount || text.trim() === "") {
    throw new Error(`${slotFile(directory)} is damaged: it holds no slot number from 0 to ${slotCount - 1}.`);
  }
  return slot;
}

/** The folder of the cloud that claimed the slot, or null. */
export async function ownerOf(slot: number): Promise<string | null> {
  return (await readIfThere(claimFile(slot)))?.trim() ?? null;
}

/** Folders of all clouds that have a slot on this host, also of those that are gone. */
export async function knownDirectories(): Promise<string[]> {
  const names = await readdir(registryFolder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const owners = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .map(ownerOf),
  );
  return owners.filter((owner): owner is string => owner !== null);
}

/** What a claim says and where its cloud went; the slot's things outside the folder may still be there. */
export interface Claim {
  slot: number;
  /** Folder of a cloud that had the slot and was removed without being destroyed; its leftovers are to be cleaned. */
  orphanOf: string | null;
}

/**
 * Finds the folder's slot, or claims a free one.
 * @param routes Destinations in the host's routing table, as CIDRs.
 * @throws Error where another cloud has this folder's slot, or none is free.
 */
export async function claimSlot(directory: string, routes: string[]): Promise<Claim> {
  await mkdir(registryFolder, { recursive: true, mode: 0o755 });
  await using _ = await waitForLock(registryFolder, "claim a slot", () => {});
  const own = await claimedSlot(directory);
  if (own !== null) return reclaim(directory, own);
  for (const slot of candidateSlots(directory, routes)) {
    const owner = await ownerOf(slot);
    // A claim of ours whose number did not reach the folder: the process was killed in between.
    if (owner !== null && owner !== directory && (await isAlive(owner, slot))) continue;
    const orphanOf = owner !== null && owner !== directory ? owner : null;
    if (orphanOf !== null) await rm(claimFile(slot), { force: true });
    if (owner !== directory && !(await writeClaim(slot, directory))) continue;
    await writeWhole(slotFile(directory), `${slot}\n`);
    return { slot, orphanOf };
  }
  throw new Error(
    "All networks of 198.18.0.0/15 are taken on this machine, so that there are no addresses for another embedded cloud. Nothing was changed. Destroy a cloud that is not needed any more.",
  );
}

async function reclaim(directory: string, slot: number): Promise<Claim> {
  const owner = await ownerOf(slot);
  if (owner === directory || (owner === null && (await writeClaim(slot, directory))))
    return { slot, orphanOf: null };
  throw new Error(
    `The embedded cloud in ${directory} was made with the network ${slotRange(slot)}, which now belongs to the one in ${owner}: was the folder copied or moved? Nothing was changed. Destroy the cloud with the folder at its old place, or remove ${directory} and start anew.`,
  );
}

/** A cloud is gone where its folder is, or where the folder was made anew and took another slot. */
async function isAlive(directory: string, slot: number): Promise<boolean> {
  return (await claimedSlot(directory).catch(() => slot)) === slot;
}

/** Gives the slot back. Everything outside the folder must be gone before. */
export async function releaseSlot(directory: string, slot: number): Promise<void> {
  if ((await ownerOf(slot)) === directory) await rm(claimFile(slot), { force: true });
  await rm(slotFile(directory), { force: true });
}

/** Whether it got the claim. */
async function writeClaim(slot: number, directory: string): Promise<boolean> {
  const draft = `${claimFile(slot)}.${process.pid}`;
  await writeFile(draft, `${directory}\n`);
  try {
    // Unlike a rename, a link fails where another claim is.
    await link(draft, claimFile(slot));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
