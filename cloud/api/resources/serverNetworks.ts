import { locations } from "../../catalogue/locations.ts";
import { firstFree, includes, isIpv4, macAddress, parseRange } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { actionReply, type Call, current, type Reply, type Route } from "../collection.ts";
import { ApiError, invalidField, limitExceeded } from "../errors.ts";
import { id as idInput, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { Network, PrivateNet, Server, Subnet } from "../model.ts";
import { gatewayOf } from "./networkRules.ts";

const address = z.string().refine(isIpv4, "Not a valid IPv4 address.");
const aliasInput = z
  .array(address)
  .max(limits.aliasIpsPerNetwork, `Longer than maximum length ${limits.aliasIpsPerNetwork}.`);
const attachInput = z.object({
  network: idInput,
  ip: optional(address),
  alias_ips: optional(aliasInput),
  ip_range: optional(z.string()),
});

/** Addresses of a network that nobody may take any more. */
function takenIn(cloud: Cloud, network: Network, except?: number): Set<string> {
  const taken = new Set([gatewayOf(network)]);
  for (const server of cloud.store.all("server")) {
    if (server.id === except) continue;
    for (const net of server.privateNet) {
      if (net.network === network.id) for (const ip of [net.ip, ...net.aliasIps]) taken.add(ip);
    }
  }
  return taken;
}

/** Whether an address is one that a machine of the subnet can have: neither its first nor its last. */
function usable(subnet: Subnet, ip: string): boolean {
  const range = parseRange(subnet.ipRange);
  if (!range || !includes(range, ip)) return false;
  const edges = [
    firstFree(range.first, range.first, new Set()),
    firstFree(range.last, range.last, new Set()),
  ];
  return !edges.includes(ip);
}

/** The subnets of a network that reach a server's location. */
function subnetsFor(network: Network, server: Pick<Server, "location">): Subnet[] {
  const zone = locations.find((location) => location.name === server.location)?.network_zone;
  return network.subnets.filter((subnet) => subnet.networkZone === zone);
}

function chooseIp(subnets: Subnet[], taken: Set<string>): string {
  for (const subnet of subnets) {
    const range = parseRange(subnet.ipRange);
    const free = range ? firstFree(range.first + 1, range.last - 1, taken) : null;
    if (free) return free;
  }
  throw new ApiError("no_subnet_available", "no subnet or IP available");
}

/** The place of a server in a network. @throws ApiError when there is none. */
export function placeInNetwork(
  cloud: Cloud,
  server: Pick<Server, "id" | "location" | "privateNet">,
  network: Network,
  wanted: { ip?: string | undefined; aliasIps?: string[] | undefined; ipRange?: string | undefined },
): PrivateNet {
  if (server.privateNet.some((net) => net.network === network.id)) {
    throw new ApiError("server_already_attached", "server is already attached to network");
  }
  if (server.privateNet.length >= limits.networksPerServer) {
    throw limitExceeded("networks per server", "networks_per_server_limit");
  }
  if (cloud.view.serversIn(network.id).length >= limits.serversPerNetwork) {
    throw limitExceeded("servers per network", "servers_per_network_limit");
  }
  requireNoOverlap(cloud, server, network);
  const subnets = subnetsFor(network, server).filter(
    (subnet) => wanted.ipRange === undefined || subnet.ipRange === wanted.ipRange,
  );
  if (subnets.length === 0) throw new ApiError("no_subnet_available", "no subnet or IP available");
  const taken = takenIn(cloud, network);
  const ip = wanted.ip ?? chooseIp(subnets, taken);
  requireFree([ip, ...(wanted.aliasIps ?? [])], subnets, taken);
  return {
    network: network.id,
    ip,
    aliasIps: wanted.aliasIps ?? [],
    macAddress: macAddress("86:00", server.id * limits.networksPerServer + server.privateNet.length),
  };
}

function requireFree(ips: string[], subnets: Subnet[], taken: Set<string>): void {
  const twice = new Set(ips).size !== ips.length;
  if (twice || ips.some((ip) => taken.has(ip) || !subnets.some((subnet) => usable(subnet, ip)))) {
    throw new ApiError("ip_not_available", "IP not available");
  }
}

function requireNoOverlap(cloud: Cloud, server: Pick<Server, "privateNet">, network: Network): void {
  const range = parseRange(network.ipRange);
  for (const net of server.privateNet) {
    const other = parseRange(cloud.get("network", net.network).ipRange);
    if (range && other && range.first <= other.last && other.first <= range.last) {
      throw new ApiError("networks_overlap", "the network overlaps with another network of the server");
    }
  }
}

/** Puts the server's networks in place, with the work that brings the one in question there. */
function change(
  cloud: Cloud,
  server: Server,
  privateNet: PrivateNet[],
  network: number,
  command: "attach_to_network" | "change_alias_ips" | "detach_from_network",
): Reply {
  const action = cloud.change((tx, act) => {
    tx.put("server", { ...server, privateNet });
    return act({
      command,
      resources: [
        { id: server.id, type: "server" },
        { id: network, type: "network" },
      ],
      task: {
        name: command === "detach_from_network" ? command : "attach_to_network",
        input: { server: server.id, network, before: server.privateNet },
      },
    });
  });
  return actionReply(current(cloud, action));
}

/** Runs `body` with a server and a network that nobody works on. */
function withBoth(
  cloud: Cloud,
  serverId: number,
  networkId: number,
  body: (server: Server, network: Network) => Reply,
): Promise<Reply> {
  return cloud.whenFree(
    () => [
      { id: serverId, type: "server" },
      { id: networkId, type: "network" },
    ],
    () => body(cloud.get("server", serverId), cloud.get("network", networkId)),
  );
}

async function attach({ cloud, id, body }: Call): Promise<Reply> {
  cloud.get("server", id);
  const input = parse(attachInput, body);
  return withBoth(cloud, id, input.network, (server, network) => {
    const net = placeInNetwork(cloud, server, network, {
      ip: input.ip,
      aliasIps: input.alias_ips,
      ipRange: input.ip_range,
    });
    return change(cloud, server, [...server.privateNet, net], network.id, "attach_to_network");
  });
}

function attachedNet(server: Server, network: number): PrivateNet {
  const net = server.privateNet.find((candidate) => candidate.network === network);
  if (!net) throw invalidField("network", "server is not attached to network");
  return net;
}

async function changeAliasIps({ cloud, id, body }: Call): Promise<Reply> {
  cloud.get("server", id);
  const input = parse(z.object({ network: idInput, alias_ips: aliasInput }), body);
  return withBoth(cloud, id, input.network, (server, network) => {
    const net = attachedNet(server, network.id);
    const taken = takenIn(cloud, network, server.id).add(net.ip);
    requireFree(input.alias_ips, subnetsFor(network, server), taken);
    const changed = { ...net, aliasIps: input.alias_ips };
    const privateNet = server.privateNet.map((other) => (other === net ? changed : other));
    return change(cloud, server, privateNet, network.id, "change_alias_ips");
  });
}

async function detach({ cloud, id, body }: Call): Promise<Reply> {
  cloud.get("server", id);
  const input = parse(z.object({ network: idInput }), body);
  return withBoth(cloud, id, input.network, (server, network) => {
    const net = attachedNet(server, network.id);
    const privateNet = server.privateNet.filter((other) => other !== net);
    return change(cloud, server, privateNet, network.id, "detach_from_network");
  });
}

export const serverNetworkRoutes: Route[] = [
  { method: "POST", path: "/servers/:id/actions/attach_to_network", handle: attach },
  { method: "POST", path: "/servers/:id/actions/change_alias_ips", handle: changeAliasIps },
  { method: "POST", path: "/servers/:id/actions/detach_from_network", handle: detach },
];
