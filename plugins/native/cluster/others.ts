import { setTimeout as sleep } from "node:timers/promises";
import type { DynamicConfiguration } from "../../../clients/patroni.ts";
import { firstLine, type Members, type WaitOptions } from "./leader.ts";
import type { Remote } from "./remote.ts";
import { readStates, unsettled } from "./settings.ts";

/** What was changed through the leader. */
export interface Change {
  patch: DynamicConfiguration;
  /** The changed settings of PostgreSQL with the values that it reads them as. */
  settings: Map<string, string>;
}

const REACH_MS = 5_000;
const APPLY_MS = 15_000;
const POLL_MS = 100;

/**
 * Brings a change to the members that follow the leader. Each would come to it by itself in its next round; asked
 * with the same patch, which changes nothing any more, it wakes up at once (`POST /reload` would not wake it). All
 * others take the settings when they start; one that is slow is told of.
 */
export async function tellOthers(
  members: Members,
  leader: Remote,
  change: Change,
  options: WaitOptions,
): Promise<void> {
  const cluster = await leader.patroni.cluster(options.signal);
  const streaming = cluster.members.filter((member) => member.state === "streaming");
  const others = members.names.filter((name) => streaming.some((member) => member.name === name));
  await Promise.all(
    others.map(async (name) => {
      try {
        const remote = await members.remote(name, { signal: options.signal, deadlineMs: REACH_MS });
        await remote.patroni.patchConfiguration(change.patch);
        const open = await settled(remote, change.settings, options.signal);
        if (open.length > 0) options.onWarning(`${name} does not run with ${open.join(", ")} yet.`);
      } catch (error) {
        options.signal.throwIfAborted();
        options.onWarning(
          `${name} could not be told of the new settings and takes them when it is back: ${firstLine(error)}`,
        );
      }
    }),
  );
}

/** Names of the settings that are not in force within the time that is allowed. */
async function settled(remote: Remote, wanted: Map<string, string>, signal: AbortSignal): Promise<string[]> {
  const end = Date.now() + APPLY_MS;
  for (;;) {
    signal.throwIfAborted();
    const open = wanted.size === 0 ? [] : unsettled(wanted, await readStates(remote, [...wanted.keys()]));
    if (open.length === 0 || Date.now() >= end) return open;
    await sleep(POLL_MS);
  }
}
