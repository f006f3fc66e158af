import { access, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { processesOf } from "./groups.ts";
import { type Place, serverGroup } from "./names.ts";

/** The kernel keeps 15 characters of a process's name. */
const processName = "systemd-networkd".slice(0, 15);

/**
 * Makes a running machine's networkd read its files anew. By signal, which its unit says it takes for that
 * (Type=notify-reload): a machine that boots has no bus yet on which it could be asked.
 */
export async function reloadInterfaces(place: Place, serverId: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const networkd = await networkdOf(place, serverId);
    // What has not started reads them when it does.
    if (networkd === null) return;
    if (await isListening(networkd)) return hangUp(networkd);
    if (Date.now() > deadline) {
      throw new Error(`The network service of server ${serverId} does not come up: see "journalctl" there.`);
    }
    await sleep(20);
  }
}

async function networkdOf(place: Place, serverId: number): Promise<number | null> {
  for (const id of await processesOf(serverGroup(place.slot, serverId))) {
    const name = await readFile(`/proc/${id}/comm`, "utf8").catch(() => "");
    if (name.trim() === processName) return id;
  }
  return null;
}

// It writes this when it has started; before, the signal would end it.
async function isListening(networkd: number): Promise<boolean> {
  return access(`/proc/${networkd}/root/run/systemd/netif/state`).then(
    () => true,
    () => false,
  );
}

function hangUp(networkd: number): void {
  try {
    process.kill(networkd, "SIGHUP");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
