import { hkdfSync, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import {
  change,
  getOne,
  type HetznerAccess,
  HetznerError,
  type HetznerItem,
  listAll,
} from "../../clients/hetzner.ts";
import { ed25519FromSeed } from "../../clients/ssh/keys.ts";
import { visitorOf } from "../../clients/ssh/visitor.ts";
import type { SshTarget } from "../../clients/ssh.ts";
import { userData } from "../../components/userData.ts";
import type { Topology } from "../../infra/topology.ts";

/**
 * Throw-away machines, made past Pulumi by the cloud's API. Their labels say whose they are and until when, so that
 * the next run finds and removes what a dead one left. Their label of the stack is not the one of its own resources:
 * nobody takes them over.
 */
const LABEL = "phasewise-scratch";
const UNTIL = "phasewise-scratch-until";
const OWNER = "phasewise-scratch-owner";
/** Stands for a machine that is to stay until its time is up, whoever made it. */
const KEPT = "kept";

export interface Scratch {
  id: number;
  name: string;
  address: string;
  /** When the next run may remove it. */
  until: Date;
  kept: boolean;
}

export interface ScratchOrder {
  name: string;
  serverType: string;
  location: string;
  until: Date;
}

const image = "debian-13";
/** How long a server may take to have an address and to be gone (milliseconds). */
const patience = 180_000;

export function scratchName(stack: string): string {
  return `phasewise-${stack}-scratch-${randomBytes(3).toString("hex")}`;
}

/** Orders a machine that only operators reach, by SSH; it may still boot when this returns. */
export async function orderScratch(
  access: HetznerAccess,
  topology: Topology,
  order: ScratchOrder,
): Promise<Scratch> {
  const { name } = order;
  const labels = labelsOf(topology.stack, order.until, ownLabel());
  const firewall = await post(access, "firewalls", "firewall", {
    name,
    labels,
    rules: [
      {
        direction: "in",
        protocol: "tcp",
        port: "22",
        source_ips: topology.firewall.operators,
        description: "SSH for operators",
      },
    ],
  });
  const server = await post(access, "servers", "server", {
    name,
    labels,
    image,
    server_type: order.serverType,
    location: order.location,
    ssh_keys: [await sshKey(access, topology, name, labels)],
    firewalls: [{ firewall: firewall.id }],
    public_net: { enable_ipv4: true, enable_ipv6: false },
    user_data: userData({ operatorKey: await operatorKey(topology), hostKey: hostKey(topology, name) }),
  });
  return await withAddress(access, server);
}

/** The machines of a stack that are there. */
export async function listScratch(access: HetznerAccess, stack: string): Promise<Scratch[]> {
  return (await listAll(access, "servers", `${LABEL}=${stack}`)).map(scratchOf);
}

/** Removes a machine and what was made for it alone. What is gone already is no error. */
export async function removeScratch(access: HetznerAccess, stack: string, name: string): Promise<void> {
  const named = (items: HetznerItem[]) => items.filter((item) => item.name === name);
  for (const server of named(await listAll(access, "servers", `${LABEL}=${stack}`))) {
    await remove(access, "servers", server.id);
    await gone(access, server.id);
  }
  for (const kind of ["firewalls", "ssh_keys"])
    for (const item of named(await listAll(access, kind, `${LABEL}=${stack}`)))
      await remove(access, kind, item.id);
}

/**
 * Removes what dead runs left: whatever is past its time, and what a process of this host made that does not run.
 * @returns The names of what was removed.
 */
export async function sweepScratch(access: HetznerAccess, stack: string, now: Date): Promise<string[]> {
  const kinds = ["servers", "firewalls", "ssh_keys"];
  const items = (await Promise.all(kinds.map((kind) => listAll(access, kind, `${LABEL}=${stack}`)))).flat();
  const names = [...new Set(items.filter((item) => isLeft(item.labels, now)).map(({ name }) => name))];
  for (const name of names) await removeScratch(access, stack, name);
  return names;
}

/** Lets a machine stay until its time is up. */
export async function keepScratch(
  access: HetznerAccess,
  stack: string,
  scratch: Scratch,
  until: Date,
): Promise<void> {
  const labels = labelsOf(stack, until, KEPT);
  await change(access, "PUT", `/servers/${scratch.id}`, { labels });
  const [firewall] = (await listAll(access, "firewalls", `${LABEL}=${stack}`)).filter(
    ({ name }) => name === scratch.name,
  );
  if (firewall) await change(access, "PUT", `/firewalls/${firewall.id}`, { labels });
}

/** How an operator reaches it; the host key follows from the operator's key and the machine's name. */
export function scratchTarget(
  topology: Topology,
  { address, name }: Pick<Scratch, "address" | "name">,
): SshTarget {
  return {
    host: address,
    port: 22,
    user: "root",
    privateKey: topology.ssh.privateKey,
    hostKeys: [hostKey(topology, name).publicKey],
    visitor: visitorOf(),
  };
}

/** Whether a run that made something is dead, by its labels. */
export function isLeft(labels: Record<string, string>, now: Date): boolean {
  if (Number(labels[UNTIL] ?? 0) * 1000 < now.getTime()) return true;
  const owner = labels[OWNER] ?? "";
  const [, host, pid] = /^(.*)\.(\d+)$/.exec(owner) ?? [];
  return host === hostLabel() && !isAlive(Number(pid));
}

function labelsOf(stack: string, until: Date, owner: string): Record<string, string> {
  return { [LABEL]: stack, [UNTIL]: String(Math.floor(until.getTime() / 1000)), [OWNER]: owner };
}

function ownLabel(): string {
  return `${hostLabel()}.${process.pid}`;
}

/** A label's value holds letters, digits, dots, hyphens and underscores, 63 at most. */
function hostLabel(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9-]/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 40) || "host"
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function hostKey(topology: Topology, name: string) {
  const seed = hkdfSync("sha256", topology.ssh.privateKey.trim(), name, "phasewise scratch host key", 32);
  return ed25519FromSeed(new Uint8Array(seed));
}

async function operatorKey({ ssh }: Topology): Promise<string> {
  const { default: ssh2 } = await import("ssh2");
  const key = ssh2.utils.parseKey(ssh.privateKey);
  if (key instanceof Error) throw key;
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}

/** Without a key, Hetzner gives root a password that has to be changed first. It takes each key once only. */
async function sshKey(
  access: HetznerAccess,
  topology: Topology,
  name: string,
  labels: Record<string, string>,
): Promise<number> {
  const publicKey = await operatorKey(topology);
  const all = await listAll(access, "ssh_keys");
  const found = all.find((key) => String(key.public_key).startsWith(publicKey));
  return found?.id ?? (await post(access, "ssh_keys", "ssh_key", { name, labels, public_key: publicKey })).id;
}

async function post(
  access: HetznerAccess,
  collection: string,
  key: string,
  body: unknown,
): Promise<HetznerItem> {
  return (await change(access, "POST", `/${collection}`, body))[key] as HetznerItem;
}

async function withAddress(access: HetznerAccess, server: HetznerItem): Promise<Scratch> {
  const end = Date.now() + patience;
  for (let found: HetznerItem | null = server; Date.now() < end; ) {
    if (found !== null && addressOf(found) !== null) return scratchOf(found);
    await sleep(500);
    found = await getOne(access, "servers", String(server.id));
  }
  throw new Error(`the server ${server.name} has no address after ${patience / 60_000} minutes`);
}

function addressOf(server: HetznerItem): string | null {
  return (server.public_net as { ipv4: { ip: string } | null } | undefined)?.ipv4?.ip ?? null;
}

function scratchOf(server: HetznerItem): Scratch {
  return {
    id: server.id,
    name: server.name,
    address: addressOf(server) ?? "",
    until: new Date(Number(server.labels[UNTIL] ?? 0) * 1000),
    kept: server.labels[OWNER] === KEPT,
  };
}

/** What is still in use (its server is just going) is tried again. */
async function remove(access: HetznerAccess, kind: string, id: number): Promise<void> {
  const end = Date.now() + patience;
  for (;;) {
    try {
      await change(access, "DELETE", `/${kind}/${id}`);
      return;
    } catch (error) {
      if (!(error instanceof HetznerError)) throw error;
      if (error.status === 404) return;
      if (!["resource_in_use", "locked", "conflict"].includes(error.code ?? "") || Date.now() > end)
        throw error;
      await sleep(500);
    }
  }
}

async function gone(access: HetznerAccess, id: number): Promise<void> {
  const end = Date.now() + patience;
  while ((await getOne(access, "servers", String(id))) !== null) {
    if (Date.now() > end)
      throw new Error(`the server ${id} is still there after ${patience / 60_000} minutes`);
    await sleep(300);
  }
}
