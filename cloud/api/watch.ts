import type { Cloud } from "./cloud.ts";
import { pruneActions } from "./prune.ts";

const everyMs = 1000;
const pruneEveryMs = 3600_000;
/** A machine that is found off so many times in a row went off by itself. */
const timesOff = 2;

export interface Watch {
  stop(): Promise<void>;
}

/** Writes down whether the machines that nobody works on do run. */
async function takeStock(cloud: Cloud): Promise<void> {
  for (const server of cloud.store.all("server")) {
    if (cloud.view.isLocked(server.id)) continue;
    const status = (await cloud.hypervisor.isRunning(server.id)) ? "running" : "off";
    if (status !== server.status) cloud.change((tx) => tx.put("server", { ...server, status }));
  }
}

/**
 * Finds machines that went off by themselves (shut down from inside, or crashed) and writes that down. The first
 * look is over when this resolves.
 */
export async function watchServers(cloud: Cloud, log: (line: string) => void): Promise<Watch> {
  await takeStock(cloud);
  const off = new Map<number, number>();
  const look = async () => {
    for (const { id, status } of cloud.store.all("server")) {
      if (status !== "running" || cloud.view.isLocked(id) || (await cloud.hypervisor.isRunning(id))) {
        off.delete(id);
        continue;
      }
      const times = (off.get(id) ?? 0) + 1;
      off.set(id, times);
      const server = cloud.store.get("server", id);
      if (times < timesOff || !server || server.status !== "running" || cloud.view.isLocked(id)) continue;
      off.delete(id);
      cloud.change((tx) => tx.put("server", { ...server, status: "off", powered: false }));
    }
  };
  let stopped = false;
  let timer: NodeJS.Timeout;
  let pruned = Date.now();
  let looking: Promise<void> = Promise.resolve();
  const next = () => {
    timer = setTimeout(() => {
      looking = look()
        .catch((error: unknown) =>
          log(`watching the machines: ${error instanceof Error ? error.message : error}`),
        )
        .then(() => {
          if (Date.now() - pruned > pruneEveryMs) {
            pruned = Date.now();
            pruneActions(cloud.store);
          }
          if (!stopped) next();
        });
    }, everyMs);
  };
  next();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
