import { parseRange, toAddress } from "../api/addresses.ts";
import type { NetworkAttachmentSpec, NetworkSpec } from "../hypervisor.ts";
import { cable, networkNamespace } from "../machines/names.ts";
import {
  deleteLink,
  deleteNamespace,
  dropRoutes,
  ensureNamespace,
  ip,
  linkExists,
  linksOf,
  namespaceExists,
  setParameters,
} from "./namespaces.ts";

/**
 * A private network is a namespace of its own that routes between the machines in it, each on a cable (a veth pair)
 * of its own: as at Hetzner there is no common wire, so that no broadcast, ARP or VRRP reaches a neighbour. Neither
 * the host nor the public network has a way into it.
 */

/** Hetzner's MTU on private interfaces. */
const privateMtu = 1450;

/** A machine or a load balancer in a network. */
export interface Member {
  id: number;
  attachment: NetworkAttachmentSpec;
}

/** Where every machine of a network sends its packets: the first address of the network's range. */
export function networkGateway(ipRange: string): string {
  const range = parseRange(ipRange);
  if (!range) throw new Error(`${ipRange} is no range of IPv4 addresses.`);
  return toAddress(range.first + 1);
}

/** Names of private interfaces, in the order in which a machine is attached. */
export function privateInterface(index: number): string {
  return `enp${7 + index}s0`;
}

/** Lines for ip(8) that make a network's router be as it should, and the routes that it then has; pure. */
export function networkLines(network: NetworkSpec, members: Member[]): { lines: string[]; routes: string[] } {
  const gateway = networkGateway(network.ipRange);
  const routes = [network.ipRange];
  const lines = [`route replace unreachable ${network.ipRange} metric 4294967295`];
  for (const { id, attachment } of members) {
    const link = cable(id);
    lines.push(`address replace ${gateway}/32 dev ${link}`, `link set ${link} up`);
    for (const address of [attachment.ip, ...attachment.aliasIps]) {
      lines.push(`route replace ${address}/32 dev ${link}`);
      routes.push(`${address}/32`);
    }
  }
  for (const { destination, gateway: via } of network.routes) {
    const present = members.some(
      ({ attachment }) => attachment.ip === via || attachment.aliasIps.includes(via),
    );
    // Hetzner, too, has routes whose gateway is not there (yet): what is for them is lost.
    lines.push(
      present ? `route replace ${destination} via ${via}` : `route replace unreachable ${destination}`,
    );
    routes.push(destination === "0.0.0.0/0" ? "default" : destination);
  }
  return { lines, routes };
}

/** Makes the network's namespace where it is missing, and brings its cables and routes up to date. */
export async function ensureNetwork(slot: number, network: NetworkSpec, members: Member[]): Promise<void> {
  const namespace = networkNamespace(slot, network.id);
  await ensureNamespace(namespace);
  await setParameters(namespace, { "ipv4/ip_forward": "1", "ipv4/conf/all/send_redirects": "0" });
  const cables = (await linksOf(namespace)).map(({ name }) => name).filter((name) => name !== "lo");
  const declared = members.map(({ id }) => cable(id));
  for (const stray of cables.filter((name) => !declared.includes(name))) await deleteLink(namespace, stray);
  const plugged = members.filter(({ id }) => cables.includes(cable(id)));
  const { lines, routes } = networkLines(network, plugged);
  await ip(namespace, lines);
  await dropRoutes(namespace, routes, null);
}

export async function deleteNetwork(slot: number, id: number): Promise<void> {
  await deleteNamespace(networkNamespace(slot, id));
}

/**
 * Plugs a member's own namespace into a network, under the name that it has there already or the first free one.
 * @returns The interface's name inside.
 */
export async function plug(
  slot: number,
  { id, namespace, attachment }: Member & { namespace: string },
): Promise<string> {
  const network = networkNamespace(slot, attachment.networkId);
  const inside = await linksOf(namespace);
  const present = inside.find((link) => link.macAddress === attachment.macAddress);
  if (present && (await linkExists(network, cable(id)))) return present.name;
  await deleteLink(network, cable(id));
  const name = freeInterface(inside.filter((link) => link !== present).map((link) => link.name));
  await ip(network, [
    `link add ${cable(id)} mtu ${privateMtu} type veth peer name ${name} mtu ${privateMtu} address ${attachment.macAddress} netns ${namespace}`,
    // At once: a machine that boots waits for the carrier of what it has to configure.
    `link set ${cable(id)} up`,
  ]);
  return name;
}

function freeInterface(taken: string[]): string {
  let index = 0;
  while (taken.includes(privateInterface(index))) index++;
  return privateInterface(index);
}

/** Pulls a member's cable out of a network. */
export async function unplug(slot: number, networkId: number, id: number): Promise<void> {
  const network = networkNamespace(slot, networkId);
  if (await namespaceExists(network)) await deleteLink(network, cable(id));
}
