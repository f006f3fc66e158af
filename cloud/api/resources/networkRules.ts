import { networkZones } from "../../catalogue/locations.ts";
import {
  contains,
  includes,
  isIpv4,
  isPrivate,
  overlaps,
  parseRange,
  type Range,
  toAddress,
} from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { ApiError, invalidField, limitExceeded, notOffered } from "../errors.ts";
import { optional, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { Network, Route as NetworkRoute, Subnet } from "../model.ts";

export const subnetInput = z.object({
  type: z.enum(["cloud", "server", "vswitch"]),
  network_zone: z.string(),
  ip_range: optional(z.string()),
  vswitch_id: optional(z.int()),
});
export const routeInput = z.object({ destination: z.string(), gateway: z.string() });
/** An address that Hetzner keeps for itself in every network. */
const reserved = "172.31.1.1";

/** The address that routes between the subnets of a network: its first. */
export function gatewayOf(network: Pick<Network, "ipRange">): string {
  return toAddress(range(network.ipRange).first + 1);
}

function range(cidr: string): Range {
  const parsed = parseRange(cidr);
  if (!parsed) throw new Error(`${cidr} is no network`);
  return parsed;
}

/** @throws ApiError invalid_input unless it is a private network of /24 or more. */
export function networkRange(cidr: string): Range {
  const parsed = parseRange(cidr);
  if (!parsed) throw invalidField("ip_range", "is not a valid network");
  if (!isPrivate(parsed)) throw invalidField("ip_range", "is not private");
  if (parsed.prefix > 24) throw invalidField("ip_range", "must be /24 or larger");
  return parsed;
}

function firstFree24(network: Range, taken: Range[]): string {
  for (let first = network.first; first < network.last; first += 256) {
    const candidate = range(`${toAddress(first)}/24`);
    if (contains(network, candidate) && !taken.some((other) => overlaps(other, candidate)))
      return candidate.cidr;
  }
  throw new ApiError("service_error", "no free /24 is left in the network");
}

/** @throws ApiError when a subnet cannot be part of this network beside those that it has. */
export function newSubnet(network: Network, input: z.infer<typeof subnetInput>): Subnet {
  if (input.type === "vswitch" || input.vswitch_id !== undefined)
    throw notOffered("subnets of type vswitch are");
  if (!networkZones.includes(input.network_zone)) throw invalidField("network_zone", "unknown network zone");
  if (network.subnets.length >= limits.subnetsPerNetwork) {
    throw limitExceeded("subnet", "subnet_limit");
  }
  const outer = range(network.ipRange);
  const taken = network.subnets.map((subnet) => range(subnet.ipRange));
  const cidr = input.ip_range ?? firstFree24(outer, taken);
  const parsed = parseRange(cidr);
  if (!parsed) throw invalidField("ip_range", "is not a valid network");
  if (!isPrivate(parsed)) throw invalidField("ip_range", "is not private");
  if (!contains(outer, parsed)) throw invalidField("ip_range", "is not within the network's ip_range");
  if (parsed.prefix > 30) throw invalidField("ip_range", "must be /30 or larger");
  if (taken.some((other) => overlaps(other, parsed))) {
    throw invalidField("ip_range", "overlaps with an existing subnet");
  }
  return { type: input.type, ipRange: cidr, networkZone: input.network_zone, gateway: gatewayOf(network) };
}

/** @throws ApiError when a route cannot be part of this network beside what it has. */
export function newRoute(network: Network, input: z.infer<typeof routeInput>): NetworkRoute {
  const destination = parseRange(input.destination);
  if (!destination) throw invalidField("destination", "is not a valid network");
  const outer = range(network.ipRange);
  const gateway = gatewayOf(network);
  if (!isIpv4(input.gateway)) throw invalidField("gateway", "is not a valid IPv4 address");
  if (!includes(outer, input.gateway)) throw invalidField("gateway", "is not within the network's ip_range");
  if (input.gateway === gateway || input.gateway === reserved) {
    throw invalidField("gateway", `must not be ${input.gateway}`);
  }
  const others = [
    ...network.subnets.map((subnet) => range(subnet.ipRange)),
    ...network.routes.map((route) => range(route.destination)).filter((other) => other.prefix > 0),
  ];
  if (destination.prefix > 0 && others.some((other) => overlaps(other, destination))) {
    throw invalidField("destination", "overlaps with an existing subnet or route");
  }
  if (network.routes.some((route) => route.destination === input.destination)) {
    throw invalidField("destination", "overlaps with an existing subnet or route");
  }
  if (network.routes.length >= limits.routesPerNetwork) {
    throw limitExceeded("route", "route_limit");
  }
  return { destination: input.destination, gateway: input.gateway };
}

/** A network without one of its subnets. @throws ApiError while anything is in it. */
export function withoutSubnet(cloud: Cloud, network: Network, cidr: string): Network {
  const subnet = network.subnets.find((candidate) => candidate.ipRange === cidr);
  if (!subnet) throw new ApiError("not_found", "subnet not found");
  const inside = range(cidr);
  const used = cloud.store
    .all("server")
    .some((server) =>
      server.privateNet.some((net) => net.network === network.id && includes(inside, net.ip)),
    );
  if (used) throw new ApiError("service_error", "cannot remove subnet because servers are attached to it");
  const balanced = cloud.store
    .all("load_balancer")
    .some(({ privateNet }) => privateNet?.network === network.id && includes(inside, privateNet.ip));
  if (balanced)
    throw new ApiError("service_error", "cannot remove subnet because load balancers are attached to it");
  return { ...network, subnets: network.subnets.filter((candidate) => candidate !== subnet) };
}

/** A network without one of its routes. @throws ApiError not_found */
export function withoutRoute(network: Network, input: z.infer<typeof routeInput>): Network {
  const route = network.routes.find(
    (candidate) => candidate.destination === input.destination && candidate.gateway === input.gateway,
  );
  if (!route) throw new ApiError("not_found", "route not found");
  return { ...network, routes: network.routes.filter((candidate) => candidate !== route) };
}

/** A network with a larger range. @throws ApiError when it would not be. */
export function withRange(network: Network, cidr: string): Network {
  const [now, wanted] = [range(network.ipRange), networkRange(cidr)];
  if (wanted.first !== now.first || wanted.last < now.last) {
    throw invalidField("ip_range", "must start as the network does and must not be smaller");
  }
  return { ...network, ipRange: cidr };
}
