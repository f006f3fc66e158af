import { access, writeFile } from "node:fs/promises";
import type { ServerSpec } from "../hypervisor.ts";
import { cable, hostInterface, routerNamespace } from "../machines/names.ts";
import { run } from "../machines/run.ts";
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
import { hostAddress6, publicRangeOf, slotRange } from "./slots.ts";

/**
 * The public network: a namespace that routes between the host and each machine's eth0, over a cable (a veth pair)
 * for each. Machines never meet on a common wire, as at Hetzner; the host forwards nothing and has one interface,
 * one route, and a black hole under it that keeps what is for a machine that is gone from leaving the host.
 */

/** Hetzner's gateway on public interfaces, the same for all servers. */
export const publicGateway = "172.31.1.1";
export const publicGateway6 = "fe80::1";
/** The router's interface towards the host. */
export const uplink = "host";

const hostLinkLocal = "fe80::2";
/** The router's own addresses on the uplink, of the same ranges that Hetzner uses for such. */
const uplinkAddress = "172.31.255.1";

/** What is connected to the public network: a machine or a load balancer, by its own namespace. */
export interface PublicEnd extends Pick<ServerSpec, "id" | "ipv4" | "ipv6" | "macAddress"> {
  namespace: string;
}

/** The host's lines for ip(8) that a slot needs; pure. */
export function hostLines(slot: number, withIpv6: boolean): string[] {
  const name = hostInterface(slot);
  const range = publicRangeOf(slot);
  const lines = [
    `address replace ${range.gateway}/32 dev ${name}`,
    `link set ${name} up`,
    // The largest metric: only without the route beside it is this one used.
    `route replace blackhole ${slotRange(slot)} metric 4294967295`,
    `route replace ${slotRange(slot)} via ${uplinkAddress} dev ${name} onlink src ${range.gateway}`,
  ];
  if (!withIpv6) return lines;
  return [
    ...lines,
    `address replace ${hostLinkLocal}/64 dev ${name} nodad`,
    `address replace ${hostAddress6(slot)}/128 dev ${name} nodad`,
    `route replace blackhole ${range.ipv6} metric 4294967295`,
    `route replace ${range.ipv6} via ${publicGateway6} dev ${name} src ${hostAddress6(slot)}`,
  ];
}

/** The router's lines for its uplink; pure. */
export function uplinkLines(slot: number, withIpv6: boolean): string[] {
  const { gateway } = publicRangeOf(slot);
  const lines = [
    `address replace ${uplinkAddress}/32 dev ${uplink}`,
    `link set ${uplink} up`,
    `route replace ${gateway}/32 dev ${uplink}`,
    // Whatever is no machine's and not the host's is refused at once rather than waited for.
    "route replace unreachable default metric 4294967295",
  ];
  if (!withIpv6) return lines;
  return [
    ...lines,
    `address replace ${publicGateway6}/64 dev ${uplink} nodad`,
    `route replace ${hostAddress6(slot)}/128 via ${hostLinkLocal} dev ${uplink}`,
    "route replace unreachable ::/0 metric 4294967295",
  ];
}

/** The router's lines for one cable; pure. */
export function cableLines(end: Pick<PublicEnd, "id" | "ipv4" | "ipv6">, withIpv6: boolean): string[] {
  const name = cable(end.id);
  const lines = [`address replace ${publicGateway}/32 dev ${name}`, `link set ${name} up`];
  if (end.ipv4) lines.push(`route replace ${end.ipv4}/32 dev ${name}`);
  if (withIpv6 && end.ipv6) {
    lines.push(`address replace ${publicGateway6}/64 dev ${name} nodad`);
    lines.push(`route replace ${networkOf(end.ipv6)} dev ${name}`);
  }
  return lines;
}

/** "2001:2:0:180::/64" for "2001:2:0:180::1". */
export function networkOf(ipv6: string): string {
  return ipv6.replace(/::1$/, "::/64");
}

/** Whether this host speaks IPv6 at all. */
export async function hasIpv6(): Promise<boolean> {
  return access("/proc/net/if_inet6").then(
    () => true,
    () => false,
  );
}

/** Makes the public network, or what is missing of it. */
export async function ensureRouter(slot: number): Promise<void> {
  const namespace = routerNamespace(slot);
  const withIpv6 = await hasIpv6();
  await ensureNamespace(namespace);
  await setParameters(namespace, {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    // Refusals go out for every packet, or whatever tries several times would wait all the same.
    "ipv4/icmp_ratelimit": "0",
    ...(withIpv6 ? { "ipv6/conf/all/forwarding": "1", "ipv6/icmp/ratelimit": "0" } : {}),
  });
  await ensureUplink(slot, namespace);
  if (withIpv6) await writeFile(`/proc/sys/net/ipv6/conf/${hostInterface(slot)}/accept_ra`, "0");
  await ip(null, hostLines(slot, withIpv6));
  await ip(namespace, uplinkLines(slot, withIpv6));
}

async function ensureUplink(slot: number, namespace: string): Promise<void> {
  const name = hostInterface(slot);
  if ((await linkExists(null, name)) && (await linkExists(namespace, uplink))) return;
  await deleteLink(null, name);
  await deleteLink(namespace, uplink);
  await ip(null, [`link add ${name} type veth peer name ${uplink} netns ${namespace}`]);
}

/** Connects eth0 of a namespace to the router, or brings its addresses there up to date. */
export async function connectPublic(slot: number, end: PublicEnd): Promise<void> {
  const router = routerNamespace(slot);
  const name = cable(end.id);
  if (!end.ipv4 && !end.ipv6) return deleteLink(router, name);
  const inside = await linksOf(end.namespace);
  const present = inside.some((link) => link.name === "eth0" && link.macAddress === end.macAddress);
  if (!present || !(await linkExists(router, name))) {
    await deleteLink(router, name);
    await ip(router, [
      `link add ${name} type veth peer name eth0 address ${end.macAddress} netns ${end.namespace}`,
    ]);
  }
  const kept = [`${end.ipv4}/32`, ...(end.ipv6 ? [networkOf(end.ipv6)] : [])];
  await dropRoutes(router, kept, name);
  await ip(router, cableLines(end, await hasIpv6()));
}

/** Pulls the cable of a machine or a load balancer. */
export async function disconnectPublic(slot: number, id: number): Promise<void> {
  const router = routerNamespace(slot);
  if (await namespaceExists(router)) await deleteLink(router, cable(id));
}

/** Removes the public network with everything in it. */
export async function deleteRouter(slot: number): Promise<void> {
  const { ipv6 } = publicRangeOf(slot);
  await deleteLink(null, hostInterface(slot));
  await deleteNamespace(routerNamespace(slot));
  await deleteBlackhole("-4", slotRange(slot));
  if (await hasIpv6()) await deleteBlackhole("-6", ipv6);
}

async function deleteBlackhole(family: "-4" | "-6", range: string): Promise<void> {
  const found = await run("ip", [family, "-json", "route", "show", "type", "blackhole", "exact", range]);
  if (found.trim() === "" || JSON.parse(found).length === 0) return;
  await ip(null, [`route delete blackhole ${range} metric 4294967295`]);
}
