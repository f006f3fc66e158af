import { locations } from "../../catalogue/locations.ts";
import { firstFree, includes, parseRange } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { ApiError } from "../errors.ts";
import type { Network, Subnet } from "../model.ts";
import { gatewayOf } from "./networkRules.ts";

/** Where servers and load balancers stand in a network. */

/** Addresses of a network that nobody may take any more. @param except Id of one whose own do not count. */
export function takenIn(cloud: Cloud, network: Network, except?: number): Set<string> {
  const taken = new Set([gatewayOf(network)]);
  for (const server of cloud.store.all("server")) {
    if (server.id === except) continue;
    for (const net of server.privateNet) {
      if (net.network === network.id) for (const ip of [net.ip, ...net.aliasIps]) taken.add(ip);
    }
  }
  for (const { id, privateNet } of cloud.store.all("load_balancer")) {
    if (id !== except && privateNet?.network === network.id) taken.add(privateNet.ip);
  }
  return taken;
}

/** Whether an address is one that a member of the subnet can have: neither its first nor its last. */
function usable(subnet: Subnet, ip: string): boolean {
  const range = parseRange(subnet.ipRange);
  if (!range || !includes(range, ip)) return false;
  const edges = [
    firstFree(range.first, range.first, new Set()),
    firstFree(range.last, range.last, new Set()),
  ];
  return !edges.includes(ip);
}

/** The subnets of a network that reach a location, or the one of them that is wanted. */
export function subnetsFor(network: Network, locationName: string, wanted?: string): Subnet[] {
  const zone = locations.find((location) => location.name === locationName)?.network_zone;
  return network.subnets.filter(
    (subnet) => subnet.networkZone === zone && (wanted === undefined || subnet.ipRange === wanted),
  );
}

function chooseIp(subnets: Subnet[], taken: Set<string>): string {
  for (const subnet of subnets) {
    const range = parseRange(subnet.ipRange);
    const free = range ? firstFree(range.first + 1, range.last - 1, taken) : null;
    if (free) return free;
  }
  throw new ApiError("no_subnet_available", "no subnet or IP available");
}

/** @throws ApiError ip_not_available unless all of them may be taken. */
export function requireFree(ips: string[], subnets: Subnet[], taken: Set<string>): void {
  const twice = new Set(ips).size !== ips.length;
  if (twice || ips.some((ip) => taken.has(ip) || !subnets.some((subnet) => usable(subnet, ip)))) {
    throw new ApiError("ip_not_available", "IP not available");
  }
}

/** An address in a network for something at a location. @throws ApiError where there is none. */
export function chooseAddress(
  cloud: Cloud,
  network: Network,
  location: string,
  wanted: { ip?: string | undefined; aliasIps?: string[] | undefined; ipRange?: string | undefined },
): string {
  const subnets = subnetsFor(network, location, wanted.ipRange);
  if (subnets.length === 0) throw new ApiError("no_subnet_available", "no subnet or IP available");
  const taken = takenIn(cloud, network);
  const ip = wanted.ip ?? chooseIp(subnets, taken);
  requireFree([ip, ...(wanted.aliasIps ?? [])], subnets, taken);
  return ip;
}
