import { type Location, locations } from "../../catalogue/locations.ts";
import type { PublicRange } from "../../hypervisor.ts";
import { firstFree, ipv6Subnet, toNumber } from "../addresses.ts";
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
} from "../collection.ts";
import { type CloudStore, type Task, type Tx, timestamp } from "../engine.ts";
import { ApiError, invalidField, isProtected, limitExceeded, notOffered, requireStopped } from "../errors.ts";
import { boolean, id as idInput, idOrName, labels, means, name, optional, parse, z } from "../input.ts";
import type { ActionResource, PrimaryIp, Server } from "../model.ts";
import { renderAction, renderPrimaryIp } from "../render.ts";
import { serverSpec } from "../specs.ts";

const collection: Collection<PrimaryIp> = {
  path: "primary_ips",
  key: "primary_ip",
  title: "primary IP",
  entries: ({ store }) => store.all("primary_ip"),
  render: renderPrimaryIp,
  filters: { ip: (address, ip) => address.ip === ip },
  sort: byNameAndCreated,
};

const created = z.object({
  name,
  type: z.enum(["ipv4", "ipv6"]),
  labels: optional(labels),
  auto_delete: optional(boolean),
  assignee_type: optional(z.enum(["server"])),
  assignee_id: optional(idInput),
  location: optional(idOrName),
  datacenter: optional(z.unknown()),
});
const changed = z.object({ name: optional(name), labels: optional(labels), auto_delete: optional(boolean) });
const assigned = z.object({ assignee_id: idInput, assignee_type: z.enum(["server"]) });

/** An address that nobody has. @throws ApiError resource_limit_exceeded when all are given out. */
function freeAddress(store: CloudStore, range: PublicRange, type: PrimaryIp["type"]): string {
  const taken = new Set(store.all("primary_ip").map((address) => address.ip));
  if (type === "ipv4") {
    const free = firstFree(toNumber(range.ipv4.first), toNumber(range.ipv4.last), taken);
    if (free) return free;
  } else {
    for (let index = 0; ; index++) {
      const subnet = ipv6Subnet(range.ipv6, index);
      if (subnet === null) break;
      if (!taken.has(subnet)) return subnet;
    }
  }
  throw limitExceeded("Primary IP", "primary_ip_limit");
}

/** Gives out an address. The caller has checked the name. */
export function allocate(
  cloud: Cloud,
  tx: Tx,
  wanted: Pick<PrimaryIp, "name" | "type" | "location" | "assignee" | "autoDelete"> &
    Partial<Pick<PrimaryIp, "labels">>,
): PrimaryIp {
  const address: PrimaryIp = {
    id: tx.newId(),
    labels: {},
    ...wanted,
    created: timestamp(),
    ip: freeAddress(cloud.store, cloud.hypervisor.publicRange, wanted.type),
    protection: { delete: false },
  };
  tx.put("primary_ip", address);
  return address;
}

/** An address that something new is to have. @throws ApiError where it cannot. */
export function usableAddress(
  cloud: Cloud,
  id: number,
  type: PrimaryIp["type"],
  location: string,
): PrimaryIp {
  const address = cloud.get("primary_ip", id);
  if (address.type !== type) {
    throw new ApiError("primary_ip_version_mismatch", "the specified Primary IP has the wrong IP version");
  }
  if (address.assignee !== null) {
    throw new ApiError("primary_ip_assigned", "the specified Primary IP is already assigned to a server");
  }
  if (address.location !== location) {
    throw new ApiError(
      "primary_ip_datacenter_mismatch",
      "the specified Primary IP is in a different location",
    );
  }
  return address;
}

/** Frees the addresses of something that is gone; those that were made for it alone go with it. */
export function releaseAddresses(store: CloudStore, tx: Tx, assignee: number): void {
  for (const address of store.all("primary_ip")) {
    if (address.assignee !== assignee) continue;
    if (address.autoDelete) tx.delete("primary_ip", address.id);
    else tx.put("primary_ip", { ...address, assignee: null });
  }
}

/** Brings the addresses of a server that is off to what the store says. */
const setAddresses: Task<{ server: number; address: number; before: number | null }> = {
  run: async ({ store, hypervisor }, { server }) => {
    const row = store.get("server", server);
    if (row) await hypervisor.setPublicAddresses(serverSpec(store, row));
  },
  failed: (store, tx, { address, before }) => {
    const row = store.get("primary_ip", address);
    if (row) tx.put("primary_ip", { ...row, assignee: before });
  },
};

export const primaryIpTasks = { set_addresses: setAddresses };

function both(server: number, address: number): ActionResource[] {
  return [
    { id: server, type: "server" },
    { id: address, type: "primary_ip" },
  ];
}

/** @throws ApiError when the server cannot take an address of this kind from this place now. */
function requireAssignable(cloud: Cloud, server: Server, type: PrimaryIp["type"], location: string): void {
  if (server.location !== location) {
    throw new ApiError("service_error", "Primary IP and server are not in the same location");
  }
  requireStopped(server);
  if (cloud.view.addressOf(server.id, type)) {
    const [code, family] = type === "ipv4" ? ["server_has_ipv4", "IPv4"] : ["server_has_ipv6", "IPv6"];
    throw new ApiError(code as string, `server already has an ${family} address`);
  }
}

function findLocation(wanted: string | number | undefined): Location {
  if (wanted === undefined) throw invalidField("location", "Missing data for required field.");
  const location = locations.find((candidate) => means(candidate, wanted));
  if (!location) throw invalidField("location", "unknown location");
  return location;
}

function write(cloud: Cloud, input: z.infer<typeof created>, server: Server | null, location: string) {
  return cloud.change((tx, act) => {
    const address = allocate(cloud, tx, {
      name: input.name,
      type: input.type,
      labels: input.labels ?? {},
      location,
      assignee: server?.id ?? null,
      autoDelete: input.auto_delete ?? false,
    });
    if (!server) return { address, action: null };
    const action = act({
      command: "assign_primary_ip",
      resources: both(server.id, address.id),
      task: { name: "set_addresses", input: { server: server.id, address: address.id, before: null } },
    });
    return { address, action };
  });
}

async function create({ cloud, body }: Call): Promise<Reply> {
  const input = parse(created, body);
  if (input.datacenter !== undefined) throw invalidField("datacenter", "was removed, use location");
  const { assignee_id: assignee } = input;
  if (assignee !== undefined && input.location !== undefined) {
    throw invalidField("location", "Must not be given together with assignee_id.");
  }
  return cloud.whenFree(
    () => (assignee === undefined ? [] : [{ id: assignee, type: "server" }]),
    () => {
      const server = assignee === undefined ? null : cloud.get("server", assignee);
      const location = server?.location ?? findLocation(input.location).name;
      requireFreeName(cloud, "primary_ip", input.name);
      if (server) requireAssignable(cloud, server, input.type, location);
      const { address, action } = write(cloud, input, server, location);
      return {
        status: 201,
        body: {
          primary_ip: renderPrimaryIp(cloud, address),
          action: action ? renderAction(current(cloud, action)) : null,
        },
      };
    },
  );
}

function reassign(cloud: Cloud, address: PrimaryIp, server: number, assignee: number | null): Reply {
  const action = cloud.change((tx, act) => {
    tx.put("primary_ip", { ...address, assignee });
    return act({
      command: assignee === null ? "unassign_primary_ip" : "assign_primary_ip",
      resources: both(server, address.id),
      task: { name: "set_addresses", input: { server, address: address.id, before: address.assignee } },
    });
  });
  return actionReply(current(cloud, action));
}

async function assign({ cloud, id, body }: Call): Promise<Reply> {
  cloud.get("primary_ip", id);
  const input = parse(assigned, body);
  return cloud.whenFree(
    () => both(input.assignee_id, id),
    () => {
      const address = cloud.get("primary_ip", id);
      if (address.assignee !== null) {
        throw new ApiError(
          "primary_ip_already_assigned",
          "Primary IP is already assigned to a different server",
        );
      }
      requireAssignable(cloud, cloud.get("server", input.assignee_id), address.type, address.location);
      return reassign(cloud, address, input.assignee_id, input.assignee_id);
    },
  );
}

/** @throws ApiError while a load balancer reaches the server by its public IPv4 address. */
function requireNoTarget({ store }: Cloud, server: number, type: PrimaryIp["type"]): void {
  const isTarget = store
    .all("load_balancer")
    .some(({ targets }) =>
      targets.some((target) => target.type === "server" && target.server === server && !target.usePrivateIp),
    );
  if (type === "ipv4" && isTarget) {
    throw new ApiError(
      "server_is_load_balancer_target",
      "the IPv4 address of the server is a load balancer target",
    );
  }
}

async function unassign({ cloud, id }: Call): Promise<Reply> {
  const server = () => cloud.get("primary_ip", id).assignee;
  return cloud.whenFree(
    () =>
      both(server() ?? 0, id).filter(
        (resource) => resource.type !== "server" || cloud.store.get("server", resource.id) !== undefined,
      ),
    () => {
      const from = server();
      if (from === null) throw new ApiError("service_error", "Primary IP is not assigned");
      if (cloud.store.get("load_balancer", from))
        throw new ApiError("unsupported_error", "the Primary IPs of a load balancer cannot be changed");
      requireNoTarget(cloud, from, cloud.get("primary_ip", id).type);
      requireStopped(cloud.get("server", from));
      return reassign(cloud, cloud.get("primary_ip", id), from, null);
    },
  );
}

async function remove({ cloud, id }: Call): Promise<Reply> {
  return cloud.whenFree(
    () => [{ id, type: "primary_ip" }],
    () => {
      const address = cloud.get("primary_ip", id);
      if (address.protection.delete) throw isProtected("Primary IP", "deletion");
      if (address.assignee !== null) {
        throw new ApiError("must_be_unassigned", "Primary IP must be unassigned before it can be deleted");
      }
      cloud.change((tx) => tx.delete("primary_ip", id));
      return { status: 204 };
    },
  );
}

export const primaryIpRoutes: Route[] = [
  ...readRoutes(collection),
  ...actionRoutes("primary_ip", "primary_ips"),
  { method: "POST", path: "/primary_ips", handle: create },
  {
    method: "PUT",
    path: "/primary_ips/:id",
    handle: ({ cloud, id, body }) => {
      const address = cloud.get("primary_ip", id);
      const input = parse(changed, body);
      if (input.name !== undefined) requireFreeName(cloud, "primary_ip", input.name, { except: id });
      if (input.auto_delete && address.protection.delete) {
        throw invalidField("auto_delete", "Must be false while the Primary IP is protected.");
      }
      const updated = {
        ...address,
        name: input.name ?? address.name,
        labels: input.labels ?? address.labels,
        autoDelete: input.auto_delete ?? address.autoDelete,
      };
      cloud.change((tx) => tx.put("primary_ip", updated));
      return { status: 200, body: { primary_ip: renderPrimaryIp(cloud, updated) } };
    },
  },
  { method: "DELETE", path: "/primary_ips/:id", handle: remove },
  { method: "POST", path: "/primary_ips/:id/actions/assign", handle: assign },
  { method: "POST", path: "/primary_ips/:id/actions/unassign", handle: unassign },
  {
    method: "POST",
    path: "/primary_ips/:id/actions/change_dns_ptr",
    handle: ({ cloud, id }) => {
      cloud.get("primary_ip", id);
      throw notOffered("reverse DNS entries are");
    },
  },
  {
    method: "POST",
    path: "/primary_ips/:id/actions/change_protection",
    handle: ({ cloud, id, body }) => {
      const address = cloud.get("primary_ip", id);
      const input = parse(z.object({ delete: boolean }), body);
      if (input.delete && address.autoDelete) {
        throw invalidField("delete", "Cannot be enabled while auto_delete is true.");
      }
      const action = cloud.change((tx, act) => {
        tx.put("primary_ip", { ...address, protection: { delete: input.delete } });
        return act({ command: "change_protection", resources: [{ id, type: "primary_ip" }] });
      });
      return actionReply(action);
    },
  },
];
