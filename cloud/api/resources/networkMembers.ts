import { includes, parseRange } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { type Collection, listReply, type Route } from "../collection.ts";
import type { Network, PrivateNet } from "../model.ts";

interface Member {
  id: number;
  type: "server" | "load_balancer";
  ip: string;
  alias_ips: readonly string[];
  subnet: string | null;
  status: "ok" | "attaching" | "updating";
}

function status(cloud: Cloud, member: Pick<Member, "id" | "type">, network: Network): Member["status"] {
  const work = cloud.engine
    .runningOn(member)
    .filter((action) => action.resources.some(({ type, id }) => type === "network" && id === network.id));
  if (work.some((action) => action.command === "attach_to_network")) return "attaching";
  return work.length > 0 ? "updating" : "ok";
}

function subnetOf(network: Network, net: Pick<PrivateNet, "ip">): string | null {
  const subnet = network.subnets.find(({ ipRange }) => {
    const range = parseRange(ipRange);
    return range !== null && includes(range, net.ip);
  });
  return subnet?.ipRange ?? null;
}

function members(cloud: Cloud, network: Network): Member[] {
  const servers = cloud.store.all("server").flatMap((server) =>
    server.privateNet
      .filter((net) => net.network === network.id)
      .map(
        (net): Member => ({
          id: server.id,
          type: "server",
          ip: net.ip,
          alias_ips: net.aliasIps,
          subnet: subnetOf(network, net),
          status: status(cloud, { id: server.id, type: "server" }, network),
        }),
      ),
  );
  const balancers = cloud.store.all("load_balancer").flatMap(({ id, privateNet }): Member[] => {
    if (privateNet?.network !== network.id) return [];
    const member = { id, type: "load_balancer" } as const;
    const subnet = subnetOf(network, privateNet);
    return [{ ...member, ip: privateNet.ip, alias_ips: [], subnet, status: status(cloud, member, network) }];
  });
  return [...servers, ...balancers];
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
