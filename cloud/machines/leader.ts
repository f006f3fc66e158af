import { access, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { processesOf } from "./groups.ts";
import { type Place, serverGroup } from "./names.ts";

/**
 * The process id, on the host, of a machine's init; null where none runs. It is looked up each time: among the
 * processes of the machine's own control group, it is the one that is number 1 in a process namespace below ours, so
 * that it can't be mistaken for a process that came to a number later.
 */
export async function leaderOf(place: Place, serverId: number): Promise<number | null> {
  for (const id of await processesOf(serverGroup(place.slot, serverId))) {
    const status = await readFile(`/proc/${id}/status`, "utf8").catch(() => "");
    if (isInit(status)) return id;
  }
  return null;
}

/** Whether /proc/<pid>/status tells of an init of a namespace right below the reader's; pure. */
export function isInit(status: string): boolean {
  const numbers = /^NSpid:\s*(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
  // nspawn makes the namespace in a process of its own, which is number 1 for a moment before it becomes init.
  return numbers.length === 2 && numbers[1] === "1" && /^Name:\s*systemd$/m.test(status);
}

/** systemd's signals to its init, counted from glibc's SIGRTMIN (34), see systemd(1). */
const signals = { poweroff: 34 + 4, reboot: 34 + 5 } as const;

/**
 * Asks a machine's init to end or to start anew.
 * @returns Whether there was one to ask.
 */
export async function askInit(
  place: Place,
  serverId: number,
  request: keyof typeof signals,
): Promise<boolean> {
  const leader = await leaderOf(place, serverId);
  if (leader === null) return false;
  await listening(leader);
  process.kill(leader, signals[request]);
  return true;
}

/** Before its socket is there, init would not hear a signal. */
async function listening(leader: number): Promise<void> {
  for (let attempt = 0; attempt < 250; attempt++) {
    const there = await access(`/proc/${leader}/root/run/systemd/private`).then(
      () => true,
      () => false,
    );
    if (there) return;
    await sleep(20);
  }
}
