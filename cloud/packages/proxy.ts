import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createGroup, groupFolders, isPopulated, killGroup, removeGroup } from "../machines/groups.ts";
import { type Place, packagesFolder, packagesGroup } from "../machines/names.ts";
import { run } from "../machines/run.ts";
import { startDetached } from "../machines/start.ts";
import { publicRangeOf } from "../networks/slots.ts";
import { packagesPort, proxyConfiguration } from "./config.ts";

/**
 * The caching proxy through which machines get packages: an apt-cacher-ng of the cloud's own, with its own port,
 * configuration and cache. It outlives the daemon, as machines do.
 */

/** Starts the proxy where it does not run, and waits until it answers. */
export async function ensureProxy(place: Place): Promise<void> {
  const group = packagesGroup(place.slot);
  const { gateway } = publicRangeOf(place.slot);
  const changed = await configure(place, gateway);
  if (changed) await killGroup(group);
  else if ((await isPopulated(group)) && (await answers(gateway))) return;
  await killGroup(group);
  const folder = packagesFolder(place.directory);
  await createGroup(group);
  const log = join(folder, "log", "start.txt");
  // It needs no right of root's beyond owning its files.
  const command = ["setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"];
  const proxy = startDetached({
    groups: (await groupFolders(group)).map((path) => join(path, "watch")),
    log,
    command: [...command, "apt-cacher-ng", "-c", join(folder, "conf")],
  });
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await answers(gateway)) return;
    if (proxy.ended()) break;
    await sleep(25);
  }
  throw new Error(await reason(gateway, log));
}

async function reason(gateway: string, log: string): Promise<string> {
  const said = (await readFile(log, "utf8").catch(() => "")).trim().split("\n").slice(-5).join("\n");
  const words = said === "" ? "it said nothing" : `its last words: ${said}`;
  return `The proxy for Debian packages (apt-cacher-ng on ${gateway}:${packagesPort}) does not start; ${words}. Machines can't install packages without it; those that run are as they were. See whether another program has that port: ss -ltnp.`;
}

/** Whether the configuration differs from the one that a running proxy was started with. */
async function configure(place: Place, address: string): Promise<boolean> {
  const folder = packagesFolder(place.directory);
  const settings = {
    address,
    cacheFolder: join(folder, "cache"),
    logFolder: join(folder, "log"),
    upstream: await hostProxy(),
  };
  for (const name of ["conf", "cache", "log"])
    await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  const file = join(folder, "conf", "acng.conf");
  const wanted = proxyConfiguration(settings);
  if ((await readFile(file, "utf8").catch(() => null)) === wanted) return false;
  await writeFile(file, wanted);
  return true;
}

/** The proxy that the host's own apt is told to use. */
async function hostProxy(): Promise<string | null> {
  const text = await run("apt-config", ["dump", "--format", "%v%n", "Acquire::http::Proxy"]);
  return text.trim().split("\n")[0] || process.env.http_proxy || null;
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: packagesPort, timeout: 1000 });
    const finish = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
    socket.once("timeout", () => finish(false));
  });
}

export async function stopProxy(slot: number): Promise<void> {
  await killGroup(packagesGroup(slot));
  await removeGroup(packagesGroup(slot));
}
