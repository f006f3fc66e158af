import { includes, parseRange } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { type Collection, listReply, type Route } from "../collection.ts";
import type { Network, PrivateNet, Server } from "../model.ts";

interface Member {
  id: number;
  type: "server";
  ip: string;
  alias_ips: readonly string[];
  subnet: string | null;
  status: "ok" | "attaching" | "updating";
}

function status(cloud: Cloud, server: Server, network: Network): Member["status"] {
  const work = cloud.engine
    .runningOn({ id: server.id, type: "server" })
    .filter((action) => action.resources.some(({ type, id }) => type === "network" && id === network.id));
  if (work.some((action) => action.command === "attach_to_network")) return "attaching";
  return work.length > 0 ? "updating" : "ok";
}

function subnetOf(network: Network, net: PrivateNet): string | null {
  const subnet = network.subnets.find(({ ipRange }) => {
    const range = parseRange(ipRange);
    return range !== null && includes(range, net.ip);
  });
  return subnet?.ipRange ?? null;
}

function members(cloud: Cloud, network: Network): Member[] {
  return cloud.store.all("server").flatMap((server) =>
    server.privateNet
      .filter((net) => net.network === network.id)
      .map(
        (net): Member => ({
          id: server.id,
          type: "server",
          ip: net.ip,
          alias_ips: net.aliasIps,
          subnet: subnetOf(network, net),
          status: status(cloud, server, network),
        }),
      ),
  );
}

/** `GET /networks/:id/members`: who is in a network, with its addresses. */
export const networkMemberRoutes: Route[] = [
  {
    method: "GET",
    path: "/networks/:id/members",
    handle: (call) => {
      const network = call.cloud.get("network", call.id);
      const collection: Collection<Member> = {
        path: "members",
        key: "member",
        title: "member",
        entries: (cloud) => members(cloud, network),
        render: (_, member) => member,
        filters: {
          type: (member, type) => member.type === type,
          status: (member, status) => member.status === status,
          subnet: (member, subnet) => member.subnet === subnet,
        },
        sort: { id: (member) => member.id, type: (member) => member.type, ip: (member) => member.ip },
      };
      return listReply(collection, call);
    },
  },
];
