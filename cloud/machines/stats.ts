import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { claimedSlot } from "../networks/slots.ts";
import { groupFolders } from "./groups.ts";
import { serverGroup } from "./names.ts";

export interface MachineStats {
  /** Memory that no file can give back. */
  anonymousBytes: number;
  /** PostgreSQL's shared buffers and other shared memory that was touched, and files in tmpfs. */
  sharedBytes: number;
}

/**
 * What a machine uses of the host's memory, as its control group counts it.
 * @param directory The cloud's.
 * @throws Error where the machine doesn't run or the host counts no memory.
 */
export async function machineStats(directory: string, serverId: number): Promise<MachineStats> {
  const slot = await claimedSlot(directory);
  if (slot === null) throw new Error(`There is no embedded cloud in ${directory}.`);
  for (const folder of await groupFolders(serverGroup(slot, serverId))) {
    const text = await readFile(join(folder, "memory.stat"), "utf8").catch(() => null);
    if (text !== null) return parseMemoryStat(text);
  }
  throw new Error(`Server ${serverId} doesn't run, or this host counts no memory for control groups.`);
}

/** memory.stat of either version of control groups. */
export function parseMemoryStat(text: string): MachineStats {
  const fields = new Map(text.split("\n").map((line) => line.split(" ") as [string, string]));
  // Version 1 counts subgroups only in total_*, version 2 always.
  const anonymous = fields.get("total_rss") ?? fields.get("anon");
  const shared = fields.get("total_shmem") ?? fields.get("shmem");
  if (anonymous === undefined || shared === undefined) {
    throw new Error("memory.stat names neither anonymous nor shared memory in a way that is known.");
  }
  return { anonymousBytes: Number(anonymous), sharedBytes: Number(shared) };
}
