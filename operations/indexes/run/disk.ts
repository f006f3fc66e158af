import type { Machine } from "../../topology.ts";
import type { World } from "../../verify/check.ts";

/**
 * What is to stay free while indexes are built: a build that fills the disk takes the write-ahead log's room, and
 * PostgreSQL stops without it. A twentieth of the volume, 256 MB at least.
 */
const least = 256 * 1024 ** 2;
const share = 0.05;

/** Whether the primary's data volume has room; the reason to stop where it has not. */
export async function diskReason(world: Pick<World, "run">, machine: Machine): Promise<string | null> {
  const path = machine.volumes[0]?.path ?? "/";
  const answer = await world.run(machine, `df -B1 --output=avail,size '${path}' | tail -n 1`);
  const [free, size] = answer.trim().split(/\s+/).map(Number) as [number, number];
  return reasonOf(free, size, `${machine.name}:${path}`);
}

/** @param free Bytes. */
export function reasonOf(free: number, size: number, where: string): string | null {
  const reserve = Math.max(least, size * share);
  if (free >= reserve) return null;
  const megabytes = (bytes: number) => Math.round(bytes / 1024 ** 2);
  return `${where} has ${megabytes(free)} MB free, and ${megabytes(reserve)} MB are kept for the write-ahead log`;
}
