import type { Cloud } from "../cloud.ts";
import {
  actionReply,
  actionRoutes,
  byNameAndCreated,
  type Call,
  type Collection,
  current,
  type Reply,
  type Route,
  readRoutes,
  requireFreeName,
  requireRoom,
} from "../collection.ts";
import { type Context, type Task, type Tx, timestamp } from "../engine.ts";
import { isProtected, notOffered } from "../errors.ts";
import { boolean, labels, name, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import { loadBalancerSpec } from "../loadBalancers.ts";
import type { ActionResource, Network } from "../model.ts";
import { renderNetwork } from "../render.ts";
import { networkSpec } from "../specs.ts";
import { networkMemberRoutes } from "./networkMembers.ts";
import {
  networkRange,
  newRoute,
  newSubnet,
  routeInput,
  subnetInput,
  withoutRoute,
  withoutSubnet,
  withRange,
} from "./networkRules.ts";

const collection: Collection<Network> = {
  path: "networks",
  key: "network",
  title: "network",
  entries: ({ store }) => store.all("network"),
  render: renderNetwork,
  sort: byNameAndCreated,
};

const created = z.object({
  name,
  ip_range: z.string(),
  labels: optional(labels),
  subnets: optional(z.array(subnetInput)),
  routes: optional(z.array(routeInput)),
  expose_routes_to_vswitch: optional(boolean),
});
const changed = z.object({
  name: optional(name),
  labels: optional(labels),
  expose_routes_to_vswitch: optional(boolean),
});

interface Changed {
  network: number;
  /** What the network was; restored when the change fails. Null: it did not exist. */
  before: Network | null;
}

const ensure: Task<Changed> = {
  run: async ({ store, hypervisor }: Context, { network }) => {
    const row = store.get("network", network);
    if (row) await hypervisor.ensureNetwork(networkSpec(row));
  },
  failed: (store, tx, { network, before }) => {
    const row = store.get("network", network);
    if (!before) tx.delete("network", network);
    else if (row)
      tx.put("network", { ...row, ipRange: before.ipRange, subnets: before.subnets, routes: before.routes });
  },
};

const remove: Task<{ network: number; servers: number[]; balancers?: number[] }> = {
  run: async ({ store, hypervisor }, { network, servers, balancers = [] }) => {
    for (const server of servers) await hypervisor.detachNetwork(server, network);
    for (const id of balancers) {
      const balancer = store.get("load_balancer", id);
      if (balancer) await hypervisor.ensureLoadBalancer(loadBalancerSpec(store, balancer));
    }
    await hypervisor.deleteNetwork(network);
  },
  done: (_, tx, { network }) => tx.delete("network", network),
};

export const networkTasks = { ensure_network: ensure, delete_network: remove };

/** Changes a network and brings the world after it. */
function change(cloud: Cloud, before: Network, after: Network, command: string): Reply {
  const action = cloud.change((tx, act) => {
    tx.put("network", after);
    return act({
      command,
      resources: [{ id: after.id, type: "network" }],
      task: { name: "ensure_network", input: { network: after.id, before } satisfies Changed },
    });
  });
  return actionReply(current(cloud, action));
}

async function create({ cloud, body }: Call): Promise<Reply> {
  const input = parse(created, body);
  networkRange(input.ip_range);
  if (input.expose_routes_to_vswitch) throw notOffered("exposing routes to a vSwitch is");
  requireRoom(cloud, "network", limits.networks);
  requireFreeName(cloud, "network", input.name);
  let network: Network = {
    id: 0,
    name: input.name,
    labels: input.labels ?? {},
    created: timestamp(),
    ipRange: input.ip_range,
    subnets: [],
    routes: [],
    protection: { delete: false },
  };
  for (const subnet of input.subnets ?? []) {
    network = { ...network, subnets: [...network.subnets, newSubnet(network, subnet)] };
  }
  for (const route of input.routes ?? []) {
    network = { ...network, routes: [...network.routes, newRoute(network, route)] };
  }
  const action = cloud.change((tx, act) => {
    network = { ...network, id: tx.newId() };
    tx.put("network", network);
    return act({
      command: "create_network",
      resources: [{ id: network.id, type: "network" }],
      task: { name: "ensure_network", input: { network: network.id, before: null } satisfies Changed },
    });
  });
  await cloud.finished(action);
  return { status: 201, body: { network: renderNetwork(cloud, network) } };
}

function leave(cloud: Cloud, tx: Tx, { id, type }: ActionResource, network: number): void {
  if (type === "load_balancer") {
    tx.put(type, { ...cloud.get(type, id), privateNet: null });
    return;
  }
  const server = cloud.get("server", id);
  tx.put("server", { ...server, privateNet: server.privateNet.filter((net) => net.network !== network) });
}

async function destroy({ cloud, id }: Call): Promise<Reply> {
  if (cloud.get("network", id).protection.delete) throw isProtected("network", "deletion");
  const network: ActionResource = { id, type: "network" };
  const members = (): ActionResource[] => [
    ...cloud.view.serversIn(id).map((server): ActionResource => ({ id: server, type: "server" })),
    ...cloud.view.balancersIn(id).map((one): ActionResource => ({ id: one, type: "load_balancer" })),
  ];
  const action = await cloud.whenFree(
    () => [network, ...members()],
    () =>
      cloud.change((tx, act) => {
        const attached = members();
        for (const member of attached) leave(cloud, tx, member, id);
        const ids = (type: string) =>
          attached.filter((member) => member.type === type).map((member) => member.id);
        return act({
          command: "delete_network",
          resources: [network, ...attached],
          task: {
            name: "delete_network",
            input: { network: id, servers: ids("server"), balancers: ids("load_balancer") },
          },
        });
      }),
  );
  await cloud.finished(action);
  return { status: 204 };
}

const rangeInput = z.object({ ip_range: z.string() });

/** Actions that change what a network is: name, schema of the body, and the network after it. */
function changing<T>(
  name: string,
  schema: z.ZodType<T>,
  after: (cloud: Cloud, network: Network, input: T) => Network,
): Route {
  return {
    method: "POST",
    path: `/networks/:id/actions/${name}`,
    handle: ({ cloud, id, body }) => {
      cloud.get("network", id);
      const input = parse(schema, body);
      return cloud.whenFree(
        () => [{ id, type: "network" }],
        () => {
          const network = cloud.get("network", id);
          return change(cloud, network, after(cloud, network, input), name);
        },
      );
    },
  };
}

export const networkRoutes: Route[] = [
  ...readRoutes(collection),
  ...actionRoutes("network", "networks"),
  ...networkMemberRoutes,
  { method: "POST", path: "/networks", handle: create },
  {
    method: "PUT",
    path: "/networks/:id",
    handle: ({ cloud, id, body }) => {
      const network = cloud.get("network", id);
      const input = parse(changed, body);
      if (input.expose_routes_to_vswitch) throw notOffered("exposing routes to a vSwitch is");
      if (input.name !== undefined) requireFreeName(cloud, "network", input.name, { except: id });
      const renamed = {
        ...network,
        name: input.name ?? network.name,
        labels: input.labels ?? network.labels,
      };
      cloud.change((tx) => tx.put("network", renamed));
      return { status: 200, body: { network: renderNetwork(cloud, renamed) } };
    },
  },
  { method: "DELETE", path: "/networks/:id", handle: destroy },
  changing("add_subnet", subnetInput, (_, network, input) => ({
    ...network,
    subnets: [...network.subnets, newSubnet(network, input)],
  })),
  changing("delete_subnet", rangeInput, (cloud, network, { ip_range }) =>
    withoutSubnet(cloud, network, ip_range),
  ),
  changing("add_route", routeInput, (_, network, input) => ({
    ...network,
    routes: [...network.routes, newRoute(network, input)],
  })),
  changing("delete_route", routeInput, (_, network, input) => withoutRoute(network, input)),
  changing("change_ip_range", rangeInput, (_, network, { ip_range }) => withRange(network, ip_range)),
  {
    method: "POST",
    path: "/networks/:id/actions/change_protection",
    handle: ({ cloud, id, body }) => {
      const network = cloud.get("network", id);
      const input = parse(z.object({ delete: optional(boolean) }), body);
      const action = cloud.change((tx, act) => {
        tx.put("network", { ...network, protection: { delete: input.delete ?? network.protection.delete } });
        return act({ command: "change_protection", resources: [{ id, type: "network" }] });
      });
      return actionReply(action);
    },
  },
];
