import { rm } from "node:fs/promises";
import type { LoadBalancerSpec, NetworkSpec } from "../hypervisor.ts";
import { killGroup, removeGroup } from "../machines/groups.ts";
import { balancerFolder, balancerGroup, balancerNamespace, type Place } from "../machines/names.ts";
import { run } from "../machines/run.ts";
import { deleteNamespace, ensureNamespace, ip, setParameters } from "../networks/namespaces.ts";
import { networkGateway, plug, privateInterface, unplug } from "../networks/privateNetwork.ts";
import {
  connectPublic,
  disconnectPublic,
  hasIpv6,
  publicGateway,
  publicGateway6,
} from "../networks/router.ts";

/**
 * A load balancer is a network namespace with the addresses of the load balancer, on cables as a machine's, and a
 * HAProxy in it.
 */

/** Lines for ip(8) that give the load balancer its addresses and ways; pure. */
export function addressLines(
  spec: Pick<LoadBalancerSpec, "ipv4" | "ipv6" | "network">,
  network: Pick<NetworkSpec, "ipRange"> | undefined,
  withIpv6: boolean,
): string[] {
  const lines: string[] = [];
  if (spec.ipv4) {
    lines.push(
      `address replace ${spec.ipv4}/32 dev eth0`,
      "link set eth0 up",
      `route replace default via ${publicGateway} dev eth0 onlink`,
    );
    if (withIpv6 && spec.ipv6) {
      lines.push(
        `address replace ${spec.ipv6}/64 dev eth0 nodad`,
        `route replace ::/0 via ${publicGateway6} dev eth0`,
      );
    }
  }
  if (spec.network && network) {
    const name = privateInterface(0);
    lines.push(
      `address replace ${spec.network.ip}/32 dev ${name}`,
      `link set ${name} up`,
      `route replace ${network.ipRange} via ${networkGateway(network.ipRange)} dev ${name} onlink`,
    );
  }
  return lines;
}

/** Connects the load balancer's namespace to what it is declared to be connected to. */
export async function connectBalancer(
  place: Place,
  spec: LoadBalancerSpec,
  networks: ReadonlyMap<number, NetworkSpec>,
): Promise<void> {
  const namespace = balancerNamespace(place.slot, spec.id);
  const withIpv6 = await hasIpv6();
  await ensureNamespace(namespace);
  await setParameters(namespace, {
    "ipv4/ip_unprivileged_port_start": "0",
    ...(withIpv6 ? { "ipv6/conf/default/accept_dad": "0" } : {}),
  });
  await connectPublic(place.slot, { ...spec, namespace });
  for (const id of networks.keys()) {
    const stays = id === spec.network?.networkId && (await hasAddress(namespace, spec.network.ip));
    if (!stays) await unplug(place.slot, id, spec.id);
  }
  const network = spec.network ? networks.get(spec.network.networkId) : undefined;
  if (spec.network && !network)
    throw new Error(
      `Load balancer ${spec.id} is in network ${spec.network.networkId}, which does not exist.`,
    );
  if (spec.network) await plug(place.slot, { id: spec.id, namespace, attachment: spec.network });
  await ip(namespace, addressLines(spec, network, withIpv6));
}

async function hasAddress(namespace: string, address: string): Promise<boolean> {
  const text = await run("ip", ["-n", namespace, "-json", "address", "show"]);
  const links = JSON.parse(text) as { addr_info?: { local?: string }[] }[];
  return links.some(({ addr_info }) => addr_info?.some(({ local }) => local === address));
}

/** Removes all that a load balancer has on this host. */
export async function removeBalancer(place: Place, id: number, networkIds: number[]): Promise<void> {
  await killGroup(balancerGroup(place.slot, id));
  await removeGroup(balancerGroup(place.slot, id));
  await disconnectPublic(place.slot, id);
  for (const network of networkIds) await unplug(place.slot, network, id);
  await deleteNamespace(balancerNamespace(place.slot, id));
  await rm(balancerFolder(place.slot, id), { recursive: true, force: true });
}
