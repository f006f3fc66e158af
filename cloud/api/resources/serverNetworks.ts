import { isIpv4, macAddress, parseRange } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { actionReply, type Call, current, type Reply, type Route } from "../collection.ts";
import { ApiError, invalidField, limitExceeded } from "../errors.ts";
import { id as idInput, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { Network, PrivateNet, Server } from "../model.ts";
import { chooseAddress, requireFree, subnetsFor, takenIn } from "./networkPlaces.ts";

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
  return {
    network: network.id,
    ip: chooseAddress(cloud, network, server.location, wanted),
    aliasIps: wanted.aliasIps ?? [],
    macAddress: macAddress("86:00", server.id * limits.networksPerServer + server.privateNet.length),
  };
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
    requireFree(input.alias_ips, subnetsFor(network, server.location), taken);
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
