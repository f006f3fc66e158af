import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadBalancerSpec } from "../hypervisor.ts";
import { createGroup, groupFolders, isPopulated, killGroup } from "../machines/groups.ts";
import {
  balancerFolder,
  balancerGroup,
  balancerNamespace,
  type Place,
  runtimeFolder,
} from "../machines/names.ts";
import { run } from "../machines/run.ts";
import { startDetached } from "../machines/start.ts";
import { hasIpv6 } from "../networks/router.ts";
import { type Configuration, haproxyConfig } from "./config.ts";
import { ask } from "./socket.ts";
import { balancerCommand, balancerUser } from "./supervise.ts";
import { nextStates, parseReasons, parseTargetStates, type Reason, type TargetState } from "./targets.ts";

/** A HAProxy has what it was told after a few milliseconds; a busy host may need more. */
const settleMs = 10_000;
/** Files that HAProxy opens beside two for each connection: sockets, its own and those of checks. */
const ownFiles = 300;

interface Owner {
  uid: number;
  gid: number;
}

const statsSocket = (folder: string) => join(folder, "stats.sock");

/** What HAProxy says of its targets now; null where it does not run. */
export async function targetStates(place: Place, id: number): Promise<TargetState[] | null> {
  const text = await ask(statsSocket(balancerFolder(place.slot, id)), "show servers state");
  return text === null || text.trim() === "" ? null : parseTargetStates(text);
}

/** Why checks of targets failed. */
export async function failureReasons(place: Place, id: number): Promise<Map<string, Reason>> {
  const text = await ask(statsSocket(balancerFolder(place.slot, id)), "show stat -1 4 -1");
  return parseReasons(text ?? "");
}

/** Lets a target have traffic before it has passed as many checks as one that had failed. */
export async function admit(place: Place, id: number, target: string): Promise<void> {
  await ask(statsSocket(balancerFolder(place.slot, id)), `set server ${target} health up`);
}

/** What the running HAProxy was configured with; null where none answers. */
async function generation(folder: string): Promise<string | null> {
  const text = await ask(statsSocket(folder), "show info");
  return text === null ? null : (/^description: (\S+)$/m.exec(text)?.[1] ?? null);
}

/**
 * Brings the HAProxy of a load balancer, which is connected already, to what the spec says. Connections that are
 * open go on over the process that they began in.
 * @returns The targets that are new to it, as "service-80/target-10.0.1.5": they get nothing until `admit`, or until
 *   they have passed as many checks as the service asks of one that had failed.
 */
export async function runBalancer(place: Place, spec: LoadBalancerSpec): Promise<string[]> {
  const folder = balancerFolder(place.slot, spec.id);
  const openFiles = await limitOfOpenFiles(spec.maxConnections);
  const config = haproxyConfig(spec, {
    folder,
    maxConnections: Math.min(spec.maxConnections, Math.floor((openFiles - ownFiles) / 2)),
    withIpv6: await hasIpv6(),
  });
  const group = balancerGroup(place.slot, spec.id);
  const populated = await isPopulated(group);
  if (populated && (await generation(folder)) === config.generation) return [];
  const owner = await haproxyOwner();
  await makeFolder(place, folder, owner);
  await writeFiles(folder, config, owner);
  const states = populated ? await targetStates(place, spec.id) : null;
  const { text, fresh } = nextStates(spec, states ?? []);
  await putFile(join(folder, "state"), text, owner);
  if (states === null || !(await reload(folder))) await start(place, spec.id, openFiles);
  await settled(folder, config.generation);
  await dropFiles(folder, config);
  return fresh;
}

/** The one folder that HAProxy owns; it must come through those above. */
async function makeFolder({ slot }: Place, folder: string, { uid, gid }: Owner): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const above of [dirname(runtimeFolder(slot)), runtimeFolder(slot)]) await chmod(above, 0o755);
  await chmod(folder, 0o700);
  await chown(folder, uid, gid);
}

/** Two for each connection, or what this process may hand on. */
async function limitOfOpenFiles(connections: number): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8");
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  const wanted = 2 * connections + ownFiles;
  return hard === undefined ? wanted : Math.min(wanted, Number(hard));
}

let known: Owner | undefined;

async function haproxyOwner(): Promise<Owner> {
  if (known) return known;
  const [, , uid, gid] = (await run("getent", ["passwd", balancerUser])).split(":");
  known = { uid: Number(uid), gid: Number(gid) };
  return known;
}

async function putFile(path: string, text: string, { uid, gid }: Owner): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await chown(`${path}.new`, uid, gid);
  await rename(`${path}.new`, path);
}

/** Puts the configuration in place, once HAProxy itself has found no fault in it. */
async function writeFiles(folder: string, config: Configuration, owner: Owner): Promise<void> {
  for (const [name, content] of config.files) await putFile(join(folder, name), content, owner);
  const draft = join(folder, "draft.cfg");
  await putFile(draft, config.text, owner);
  await run("haproxy", ["-c", "-q", "-f", draft]);
  await rename(draft, join(folder, "haproxy.cfg"));
}

async function dropFiles(folder: string, { files }: Configuration): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith(".pem") && !files.has(name)) await rm(join(folder, name), { force: true });
  }
}

/** Whether a master took the order. */
async function reload(folder: string): Promise<boolean> {
  return (await ask(join(folder, "master.sock"), "reload")) !== null;
}

async function start(place: Place, id: number, openFiles: number): Promise<void> {
  const group = balancerGroup(place.slot, id);
  const folder = balancerFolder(place.slot, id);
  await killGroup(group);
  await createGroup(group);
  startDetached({
    groups: (await groupFolders(group)).map((path) => join(path, "watch")),
    log: join(folder, "start"),
    command: balancerCommand(balancerNamespace(place.slot, id), folder, openFiles),
  });
}

async function settled(folder: string, wanted: string): Promise<void> {
  const deadline = Date.now() + settleMs;
  while ((await generation(folder)) !== wanted) {
    if (Date.now() > deadline) throw new Error(await reason(folder));
    await sleep(10);
  }
}

async function reason(folder: string): Promise<string> {
  const texts = await Promise.all(
    ["start", "log"].map((name) => readFile(join(folder, name), "utf8").catch(() => "")),
  );
  const words = texts.join("\n").trim().split("\n").slice(-5).join("\n").trim();
  return `The load balancer's HAProxy does not take its configuration${words ? `: ${words}` : "; it said nothing."}`;
}
