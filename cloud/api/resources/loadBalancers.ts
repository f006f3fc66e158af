import { isIpv4 } from "../addresses.ts";
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
import type { CloudStore, Context, Task, Tx } from "../engine.ts";
import { isProtected, notOffered } from "../errors.ts";
import { boolean, id as idInput, idOrName, labels, name, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import { loadBalancerSpec } from "../loadBalancers.ts";
import type { ActionResource, LoadBalancer } from "../model.ts";
import { renderAction } from "../render.ts";
import { renderLoadBalancer } from "../renderLoadBalancer.ts";
import {
  addService,
  algorithmInput,
  assignAddresses,
  createInput,
  inNetwork,
  ofType,
  plan,
  updateService,
  withoutNetwork,
  withoutPublicInterface,
  withoutService,
  withoutTarget,
  withTarget,
} from "./loadBalancerRules.ts";
import { serviceChange, serviceInput } from "./loadBalancerServices.ts";
import { targetInput, toTarget } from "./loadBalancerTargets.ts";
import { releaseAddresses } from "./primaryIps.ts";

const collection: Collection<LoadBalancer> = {
  path: "load_balancers",
  key: "load_balancer",
  title: "load balancer",
  entries: ({ store }) => store.all("load_balancer"),
  render: renderLoadBalancer,
  sort: byNameAndCreated,
};

const changed = z.object({ name: optional(name), labels: optional(labels) });

interface Changed {
  balancer: number;
  /** What it was; restored when the change fails. Null: it did not exist. */
  before: LoadBalancer | null;
}

function forget(store: CloudStore, tx: Tx, id: number): void {
  releaseAddresses(store, tx, id);
  tx.delete("load_balancer", id);
}

const ensure: Task<Changed> = {
  run: async ({ store, hypervisor }: Context, { balancer, before }) => {
    const row = store.get("load_balancer", balancer);
    if (!row) return;
    try {
      await hypervisor.ensureLoadBalancer(loadBalancerSpec(store, row));
    } catch (error) {
      if (!before) await hypervisor.deleteLoadBalancer(balancer);
      throw error;
    }
  },
  failed: (store, tx, { balancer, before }) => {
    const row = store.get("load_balancer", balancer);
    if (!before) forget(store, tx, balancer);
    else if (row)
      tx.put("load_balancer", { ...before, name: row.name, labels: row.labels, health: row.health });
  },
};

const remove: Task<{ balancer: number }> = {
  run: ({ hypervisor }, { balancer }) => hypervisor.deleteLoadBalancer(balancer),
  done: (store, tx, { balancer }) => forget(store, tx, balancer),
};

export const loadBalancerTasks = { ensure_load_balancer: ensure, delete_load_balancer: remove };

async function create({ cloud, body }: Call): Promise<Reply> {
  const input = parse(createInput, body);
  return cloud.whenFree(
    () => [
      ...(input.network === undefined ? [] : [{ id: input.network, type: "network" as const }]),
      ...Object.values(input.public_net ?? {}).flatMap((id) =>
        id === undefined ? [] : [{ id, type: "primary_ip" as const }],
      ),
    ],
    () => {
      requireRoom(cloud, "load_balancer", limits.loadBalancers);
      requireFreeName(cloud, "load_balancer", input.name);
      const { balancer, action } = cloud.change((tx, act) => {
        const balancer = plan(cloud, input, tx.newId());
        tx.put("load_balancer", balancer);
        assignAddresses(cloud, tx, balancer, input.public_net);
        const action = act({
          command: "create_load_balancer",
          resources: [{ id: balancer.id, type: "load_balancer" }],
          task: {
            name: "ensure_load_balancer",
            input: { balancer: balancer.id, before: null } satisfies Changed,
          },
        });
        return { balancer, action };
      });
      return {
        status: 201,
        body: {
          load_balancer: renderLoadBalancer(cloud, balancer),
          action: renderAction(current(cloud, action)),
        },
      };
    },
  );
}

function update({ cloud, id, body }: Call): Reply {
  const balancer = cloud.get("load_balancer", id);
  const input = parse(changed, body);
  if (input.name !== undefined) requireFreeName(cloud, "load_balancer", input.name, { except: id });
  const renamed = { ...balancer, name: input.name ?? balancer.name, labels: input.labels ?? balancer.labels };
  cloud.change((tx) => tx.put("load_balancer", renamed));
  return { status: 200, body: { load_balancer: renderLoadBalancer(cloud, renamed) } };
}

async function destroy({ cloud, id }: Call): Promise<Reply> {
  if (cloud.get("load_balancer", id).protection.delete) throw isProtected("load balancer", "deletion");
  const resources: ActionResource[] = [{ id, type: "load_balancer" }];
  const action = await cloud.whenFree(
    () => resources,
    () =>
      cloud.change((_, act) =>
        act({
          command: "delete_load_balancer",
          resources,
          task: { name: "delete_load_balancer", input: { balancer: id } },
        }),
      ),
  );
  // Clients of before 2026-10 do not wait for it, and take the name again.
  await cloud.finished(action);
  return { status: 201, body: { action: renderAction(current(cloud, action)) } };
}

/** Actions that change what a load balancer is: name, schema of the body, what is touched besides, and what comes of it. */
function changing<T>(
  command: string,
  schema: z.ZodType<T>,
  after: (cloud: Cloud, balancer: LoadBalancer, input: T) => LoadBalancer,
  besides: (input: T) => ActionResource[] = () => [],
): Route {
  return {
    method: "POST",
    path: `/load_balancers/:id/actions/${command}`,
    handle: ({ cloud, id, body }) => {
      cloud.get("load_balancer", id);
      const input = parse(schema, body);
      const resources: ActionResource[] = [{ id, type: "load_balancer" }, ...besides(input)];
      return cloud.whenFree(
        () => resources,
        () => {
          const before = cloud.get("load_balancer", id);
          const next = after(cloud, before, input);
          const action = cloud.change((tx, act) => {
            tx.put("load_balancer", next);
            const task = { name: "ensure_load_balancer", input: { balancer: id, before } satisfies Changed };
            return act({ command, resources, task });
          });
          return actionReply(current(cloud, action));
        },
      );
    },
  };
}

const address = z.string().refine(isIpv4, "Not a valid IPv4 address.");
const attachInput = z.object({ network: idInput, ip: optional(address), ip_range: optional(z.string()) });
const theNetwork = ({ network }: { network: number }): ActionResource[] => [{ id: network, type: "network" }];

function refused(method: Route["method"], path: string, what: string): Route {
  return {
    method,
    path: `/load_balancers/:id/${path}`,
    handle: ({ cloud, id }) => {
      cloud.get("load_balancer", id);
      throw notOffered(what);
    },
  };
}

export const loadBalancerRoutes: Route[] = [
  ...readRoutes(collection),
  ...actionRoutes("load_balancer", "load_balancers"),
  { method: "POST", path: "/load_balancers", handle: create },
  { method: "PUT", path: "/load_balancers/:id", handle: update },
  { method: "DELETE", path: "/load_balancers/:id", handle: destroy },
  changing("add_service", serviceInput, (cloud, balancer, input) => addService(cloud, balancer, input)),
  changing("update_service", serviceChange, (cloud, balancer, input) =>
    updateService(cloud, balancer, input),
  ),
  changing("delete_service", z.object({ listen_port: z.int() }), (_, balancer, { listen_port }) =>
    withoutService(balancer, listen_port),
  ),
  changing("add_target", targetInput, (cloud, balancer, input) =>
    withTarget(cloud, balancer, toTarget(input)),
  ),
  changing("remove_target", targetInput, (_, balancer, input) => withoutTarget(balancer, toTarget(input))),
  changing("change_algorithm", algorithmInput, (_, balancer, { type }) => ({ ...balancer, algorithm: type })),
  changing("change_type", z.object({ load_balancer_type: idOrName }), (_, balancer, input) =>
    ofType(balancer, input.load_balancer_type),
  ),
  changing(
    "attach_to_network",
    attachInput,
    (cloud, balancer, { network, ip, ip_range: ipRange }) =>
      inNetwork(cloud, balancer, cloud.get("network", network), { ip, ipRange }),
    theNetwork,
  ),
  changing(
    "detach_from_network",
    z.object({ network: idInput }),
    (_, balancer, { network }) => withoutNetwork(balancer, network),
    theNetwork,
  ),
  changing("enable_public_interface", z.unknown(), (_, balancer) => ({ ...balancer, publicInterface: true })),
  changing("disable_public_interface", z.unknown(), (_, balancer) => withoutPublicInterface(balancer)),
  {
    method: "POST",
    path: "/load_balancers/:id/actions/change_protection",
    handle: ({ cloud, id, body }) => {
      const balancer = cloud.get("load_balancer", id);
      const input = parse(z.object({ delete: optional(boolean) }), body);
      const action = cloud.change((tx, act) => {
        const protection = { delete: input.delete ?? balancer.protection.delete };
        tx.put("load_balancer", { ...balancer, protection });
        return act({ command: "change_protection", resources: [{ id, type: "load_balancer" }] });
      });
      return actionReply(action);
    },
  },
  refused("POST", "actions/change_dns_ptr", "reverse DNS entries are"),
  refused("GET", "metrics", "metrics are"),
];
