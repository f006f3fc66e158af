import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import type { Stack } from "./stack.ts";

/** What may befall a machine and leaves it its power: it stands still, or its network is gone. Done from outside of it. */

const table = "inet phasewise_fault";

function slotOf(stack: Stack): string {
  return readFileSync(join(stack.directory, "cloud", "machines", "slot"), "utf8").trim();
}

interface Server {
  id: number;
  name: string;
  private_net: { ip: string; network: number }[];
}

async function server(stack: Stack, machine: string): Promise<Server> {
  const { servers } = await stack.api<{ servers: Server[] }>("GET", "/servers");
  const found = servers.find(({ name }) => name.endsWith(`-${machine}`));
  if (!found) throw new Error(`${stack.name} has no machine ${machine}`);
  return found;
}

/** All processes of a machine stand still in one moment and go on in one, as those of a guest that its host suspends. */
async function setFrozen(stack: Stack, machine: string, frozen: boolean): Promise<void> {
  const { id } = await server(stack, machine);
  const roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
  const groups = roots.map((root) => `${root}/phasewise/${slotOf(stack)}/server-${id}/machine`);
  const group = groups.find((folder) => existsSync(`${folder}/cgroup.freeze`));
  if (!group) throw new Error(`no control group of version 2 holds ${machine}: ${groups.join(", ")}`);
  writeFileSync(`${group}/cgroup.freeze`, frozen ? "1" : "0");
  const wanted = `frozen ${frozen ? 1 : 0}`;
  while (!readFileSync(`${group}/cgroup.events`, "utf8").includes(wanted)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const freeze = (stack: Stack, machine: string) => setFrozen(stack, machine, true);
export const thaw = (stack: Stack, machine: string) => setFrozen(stack, machine, false);

/** Stops or continues the main process of a unit on a machine, and none of its children. */
export async function signalMain(
  stack: Stack,
  machine: string,
  unit: string,
  signal: "STOP" | "CONT",
): Promise<void> {
  const kill = `kill -${signal} $(systemctl show --property=MainPID --value ${unit})`;
  await stack.expectOk("ssh", stack.name, machine, "--", kill);
}

export interface Cut {
  /** Only the way to these machines; all of the private network without them. */
  towards?: string[];
  /** Only these TCP ports, at either end. */
  ports?: number[];
}

/** Drops a machine's packets in the private network, without a word to either side. Cuts add up until `mend`. */
export async function cut(stack: Stack, machine: string, { towards, ports }: Cut = {}): Promise<void> {
  const { private_net } = await server(stack, machine);
  const [attached] = private_net;
  if (!attached) throw new Error(`${machine} is in no network yet`);
  const { ip, network } = attached;
  const others =
    towards &&
    (await Promise.all(towards.map(async (each) => (await server(stack, each)).private_net[0]!.ip)));
  const set = (values: (string | number)[]) => `{ ${values.join(", ")} }`;
  const [from, to] = others ? [`ip saddr ${set(others)} `, `ip daddr ${set(others)} `] : ["", ""];
  const ways = [`${to}ip saddr ${ip}`, `${from}ip daddr ${ip}`];
  const rules = ways.flatMap((way) =>
    ports ? [`${way} tcp dport ${set(ports)} drop`, `${way} tcp sport ${set(ports)} drop`] : [`${way} drop`],
  );
  await nft(stack, network, [
    `add table ${table}`,
    `add chain ${table} forward { type filter hook forward priority 0; policy accept; }`,
    ...rules.map((rule) => `add rule ${table} forward ${rule}`),
  ]);
  networks.set(stack.name, network);
}

/** Of each stack, where something was cut. */
const networks = new Map<string, number>();

/** Undoes every cut of a stack. */
export async function mend(stack: Stack): Promise<void> {
  const network = networks.get(stack.name);
  if (network === undefined) return;
  await nft(stack, network, [`delete table ${table}`]);
  networks.delete(stack.name);
}

async function nft(stack: Stack, network: number, lines: string[]): Promise<void> {
  const namespace = `phasewise-${slotOf(stack)}-network-${network}`;
  await execa("ip", ["netns", "exec", namespace, "nft", "-f", "-"], { input: `${lines.join("\n")}\n` });
}
