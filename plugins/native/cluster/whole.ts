import { setTimeout as sleep } from "node:timers/promises";
import type { PatroniCluster } from "../../../clients/patroni.ts";
import type { StoredCluster } from "./inputs.ts";
import { journalOf, type Members, type WaitOptions } from "./leader.ts";
import type { Remote } from "./remote.ts";

const PAUSE_MS = 250;
/** For a member that runs, its start and Patroni's next round take seconds; one that is away needs somebody. */
const PATIENCE_MS = 90_000;

/** A member that does not follow the leader. */
export interface Missing {
  name: string;
  /** As "db-2 starting". */
  reason: string;
  /** It copies the data, which may take hours and needs nobody. */
  copying: boolean;
}

/** Members that are waited for: those that do not enter a cluster that runs already. */
export function awaited(wanted: Pick<StoredCluster, "members">): string[] {
  return Object.entries(wanted.members).flatMap(([name, member]) => (member.joining === true ? [] : [name]));
}

/** Which of the members neither lead nor stream from the leader on its timeline. Pure. */
export function missingMembers(cluster: PatroniCluster, names: string[]): Missing[] {
  const leader = cluster.members.find((member) => member.role === "leader");
  return names.flatMap((name) => {
    const member = cluster.members.find((one) => one.name === name);
    if (member === undefined) return [{ name, reason: `${name} is not there yet`, copying: false }];
    const follows = member.state === "streaming" && member.timeline === leader?.timeline;
    if (follows || (member === leader && member.state === "running")) return [];
    const state = member.state === "streaming" ? `on timeline ${member.timeline}` : member.state;
    return [{ name, reason: `${name} ${state}`, copying: member.state === "creating replica" }];
  });
}

/**
 * Waits until every member that is waited for follows the leader. Members that still copy the data at the deadline
 * are told of and left to it; for others the error shows what their Patroni said.
 */
export async function waitForWhole(
  members: Members,
  leader: Remote,
  names: string[],
  options: WaitOptions,
): Promise<void> {
  const begin = Date.now();
  let shown = 0;
  for (;;) {
    const missing = missingMembers(await leader.patroni.cluster(options.signal), names);
    if (missing.length === 0) return;
    const stuck = missing.filter((one) => !one.copying);
    const late = Date.now() >= options.end || (stuck.length > 0 && Date.now() - begin >= PATIENCE_MS);
    if (late && stuck.length > 0) throw new Error(await explain(members, stuck, begin, options.signal));
    if (late) {
      const who = missing.map((one) => one.name).join(", ");
      options.onWarning(`${who} still copies the data and follows by itself when that is done.`);
      return;
    }
    const seconds = Math.floor((Date.now() - begin) / 1000);
    const reasons = missing.map((one) => one.reason).join(", ");
    if (seconds > shown) options.onWait(`waiting for all members ${seconds} s (${reasons})`);
    shown = seconds;
    options.signal.throwIfAborted();
    await sleep(PAUSE_MS);
  }
}

async function explain(
  members: Members,
  stuck: Missing[],
  begin: number,
  signal: AbortSignal,
): Promise<string> {
  const seconds = Math.round((Date.now() - begin) / 1000);
  const lines = [
    `The cluster has a leader but is not whole after ${seconds} s: ${stuck.map((one) => one.reason).join(", ")}.`,
    "What was changed stays. Repair these members and run again.",
  ];
  for (const { name } of stuck) lines.push(...(await journalOf(members, name, signal)));
  return lines.join("\n");
}
