import { z } from "zod";
import type { Machines } from "../../machines.ts";
import type { Cluster } from "../../topology.ts";
import { forgetOldCommand, listOldCommand } from "./places.ts";

/** Data that a restore in place took the place of. */
export interface OldData {
  id: string;
  machine: string;
  /** What it holds; blocks that it shares with the data in use are counted too. */
  bytes: number;
  /** When it was put aside, and what took its place. */
  note: { at: string; restoredTo: string };
}

const noteSchema = z
  .object({ at: z.string(), restoredTo: z.string() })
  .catch({ at: "an unknown time", restoredTo: "an unknown target" });

/** All that is kept, the oldest first. */
export async function listOld(machines: Machines, cluster: Cluster): Promise<OldData[]> {
  const lists = await Promise.all(
    cluster.members.map(async (machine) => {
      const text = await machines.run(machines.named(machine), listOldCommand(cluster.postgresVersion));
      return parseOld(machine, text);
    }),
  );
  return lists.flat().sort((a, b) => a.id.localeCompare(b.id));
}

/** @param text Of `listOldCommand`. */
export function parseOld(machine: string, text: string): OldData[] {
  return text
    .split("\n")
    .filter((line) => line.includes("\t"))
    .map((line) => {
      const [id = "", bytes = "", note = ""] = line.split("\t");
      return { id, machine, bytes: Number(bytes), note: noteSchema.parse(jsonOf(note)) };
    });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Removes it. @returns What was removed. */
export async function forgetOld(machines: Machines, cluster: Cluster, id: string | null): Promise<OldData[]> {
  const gone = (await listOld(machines, cluster)).filter((one) => id === null || one.id === id);
  const command = forgetOldCommand(cluster.postgresVersion, id);
  await Promise.all(cluster.members.map((name) => machines.run(machines.named(name), command)));
  return gone;
}
