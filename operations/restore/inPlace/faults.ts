import { neededForData } from "../repository.ts";

/** What is known before a restore in place begins; sizes in bytes. */
export interface InPlaceFacts {
  stack: string;
  /** Why the target cannot be reached; null where it can. */
  target: string | null;
  /** Of the database in the backup; null where there is none, or where kept data takes its place. */
  bytes: number | null;
  keepOld: boolean;
  /** Another operation that has not ended, in words. */
  underWay: string | null;
  /** Patroni is told to leave the cluster alone. */
  paused: boolean;
  members: {
    name: string;
    /** What keeps it from being reached; null where it answers. */
    unreachable: string | null;
    /** Whether its data is the one that is restored. */
    restored: boolean;
    freeBytes: number;
    /** Of the whole volume. */
    volumeBytes: number;
    dataBytes: number;
    /** Whether a copy shares its blocks with the original until one of them changes. */
    sharesBlocks: boolean;
  }[];
}

/** Everything that keeps a restore in place from being begun. */
export function inPlaceFaults(facts: InPlaceFacts): string[] {
  const { bytes, keepOld, members, paused, target, underWay } = facts;
  return [
    ...(underWay === null ? [] : [underWay]),
    ...(target === null ? [] : [target]),
    ...members.flatMap(({ name, unreachable }) =>
      unreachable === null ? [] : [`${name} does not answer: ${unreachable}`],
    ),
    ...(paused ? ["Patroni is paused: a change of the primary is under way, or was cut off"] : []),
    ...(bytes === null
      ? []
      : members
          .filter(({ unreachable }) => unreachable === null)
          .flatMap((one) => room(one, bytes, keepOld))),
  ];
}

/** Where blocks are shared, a copy takes only what changes, which can be all of it. */
function room(
  { dataBytes, freeBytes, name, restored, volumeBytes }: InPlaceFacts["members"][number],
  bytes: number,
  keepOld: boolean,
): string[] {
  const needed = neededForData(bytes);
  const keeps = keepOld && restored;
  const free = keeps ? freeBytes : freeBytes + dataBytes;
  if (free >= needed) return [];
  const volume = `the volume of ${name} (${gb(volumeBytes)}) is too small`;
  const short = `the restored database needs ${gb(needed)}, and ${gb(free)} would be free`;
  if (!keeps || freeBytes + dataBytes < needed) return [`${volume}: ${short}`];
  return [`${volume} to keep the old data beside it: ${short}; --discard-old keeps none`];
}

function gb(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
