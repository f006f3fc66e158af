import type { Act, Cloud } from "../cloud.ts";
import {
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
import { type Task, timestamp } from "../engine.ts";
import { ApiError, invalidField, invalidInput, limitExceeded } from "../errors.ts";
import { appliedBy, effectiveRules, firewallsFor } from "../firewalls.ts";
import { labels, name, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { Action, Firewall, Server } from "../model.ts";
import { renderAction, renderFirewall } from "../render.ts";
import { rulesInput, same, targetInput, toRule, toTargets } from "./firewallInput.ts";

const collection: Collection<Firewall> = {
  path: "firewalls",
  key: "firewall",
  title: "firewall",
  entries: ({ store }) => store.all("firewall"),
  render: renderFirewall,
  sort: byNameAndCreated,
};

const created = z.object({
  name,
  labels: optional(labels),
  rules: optional(rulesInput),
  apply_to: optional(z.array(targetInput)),
});
const changed = z.object({ name: optional(name), labels: optional(labels) });

/** How long a request to delete a firewall waits for its removal from servers, which clients do not all wait for. */
const removalMs = 2000;

const apply: Task<{ server: number }> = {
  run: async ({ store, hypervisor }, { server }) => {
    const row = store.get("server", server);
    if (row) await hypervisor.setFirewall(server, effectiveRules(store.all("firewall"), row));
  },
};

export const firewallTasks = { apply_firewall: apply };

/** Work that brings a firewall's present state to a server. */
function applyAction(
  act: Act,
  command: "apply_firewall" | "remove_firewall",
  server: number,
  firewall: number,
): Action {
  return act({
    command,
    resources: [
      { id: server, type: "server" },
      { id: firewall, type: "firewall" },
    ],
    task: { name: "apply_firewall", input: { server } },
  });
}

/** What holds for each server. Taken before and after a change, the difference says what is to be done. */
export function holding(cloud: Cloud): Map<number, Set<number>> {
  const firewalls = cloud.store.all("firewall");
  return new Map(
    cloud.store
      .all("server")
      .map((server) => [server.id, new Set(firewallsFor(firewalls, server).map((firewall) => firewall.id))]),
  );
}

/** The work that leads from what held before to what holds now. */
export function applyDifference(cloud: Cloud, act: Act, before: Map<number, Set<number>>): Action[] {
  const actions: Action[] = [];
  for (const [server, now] of holding(cloud)) {
    const then = before.get(server) ?? new Set();
    for (const firewall of now)
      if (!then.has(firewall)) actions.push(applyAction(act, "apply_firewall", server, firewall));
    for (const firewall of then) {
      if (!now.has(firewall)) actions.push(applyAction(act, "remove_firewall", server, firewall));
    }
  }
  return actions;
}

/** @throws ApiError when a server would get more firewalls than it may have, or has no public interface. */
function requireApplicable(cloud: Cloud, firewall: Firewall): void {
  for (const target of firewall.appliedTo) {
    if (target.type !== "server") continue;
    if (!cloud.view.addressOf(target.server, "ipv4") && !cloud.view.addressOf(target.server, "ipv6")) {
      throw new ApiError(
        "private_net_only_server",
        `server with ID '${target.server}' has no public interface`,
      );
    }
  }
  const others = cloud.store.all("firewall").filter((other) => other.id !== firewall.id);
  for (const server of cloud.store.all("server")) {
    if (appliedBy(firewall, server) === null) continue;
    if (firewallsFor(others, server).length >= limits.firewallsPerServer) {
      throw limitExceeded("firewalls per server", "firewalls_per_server_limit");
    }
  }
}

function repliedActions(cloud: Cloud, actions: Action[]): Reply {
  return { status: 201, body: { actions: actions.map((action) => renderAction(current(cloud, action))) } };
}

function createFirewall({ cloud, body }: Call): Reply {
  const input = parse(created, body);
  requireRoom(cloud, "firewall", limits.firewalls);
  requireFreeName(cloud, "firewall", input.name);
  const appliedTo = toTargets(cloud, "apply_to", input.apply_to ?? []);
  if (appliedTo.some((target, index) => appliedTo.findIndex((other) => same(other, target)) !== index)) {
    throw new ApiError("server_already_added", "a resource was given more than once");
  }
  const before = holding(cloud);
  const { firewall, actions } = cloud.change((tx, act) => {
    const firewall: Firewall = {
      id: tx.newId(),
      name: input.name,
      labels: input.labels ?? {},
      created: timestamp(),
      rules: (input.rules ?? []).map(toRule),
      appliedTo,
    };
    requireApplicable(cloud, firewall);
    tx.put("firewall", firewall);
    const ruled = act({ command: "set_firewall_rules", resources: [{ id: firewall.id, type: "firewall" }] });
    return { firewall, actions: [...(input.rules ? [ruled] : []), ...applyDifference(cloud, act, before)] };
  });
  return {
    status: 201,
    body: {
      firewall: renderFirewall(cloud, firewall),
      actions: actions.map((action) => renderAction(current(cloud, action))),
    },
  };
}

function setRules({ cloud, id, body }: Call): Reply {
  const firewall = cloud.get("firewall", id);
  const input = parse(z.object({ rules: rulesInput }), body);
  const actions = cloud.change((tx, act) => {
    tx.put("firewall", { ...firewall, rules: input.rules.map(toRule) });
    const servers = cloud.store.all("server").filter((server) => appliedBy(firewall, server) !== null);
    return [
      act({ command: "set_firewall_rules", resources: [{ id, type: "firewall" }] }),
      ...servers.map((server) => applyAction(act, "apply_firewall", server.id, id)),
    ];
  });
  return repliedActions(cloud, actions);
}

function applyToResources({ cloud, id, body }: Call): Reply {
  const firewall = cloud.get("firewall", id);
  const input = parse(
    z.object({ apply_to: z.array(targetInput).min(1, "Shorter than minimum length 1.") }),
    body,
  );
  const targets = toTargets(cloud, "apply_to", input.apply_to);
  if (targets.some((target) => firewall.appliedTo.some((other) => same(other, target)))) {
    throw new ApiError("firewall_already_applied", "firewall was already applied on resource");
  }
  const extended = { ...firewall, appliedTo: [...firewall.appliedTo, ...targets] };
  requireApplicable(cloud, extended);
  const before = holding(cloud);
  return repliedActions(
    cloud,
    cloud.change((tx, act) => {
      tx.put("firewall", extended);
      return applyDifference(cloud, act, before);
    }),
  );
}

function removeFromResources({ cloud, id, body }: Call): Reply {
  const firewall = cloud.get("firewall", id);
  const input = parse(z.object({ remove_from: z.array(targetInput) }), body);
  const targets = toTargets(cloud, "remove_from", input.remove_from);
  for (const target of targets) {
    if (target.type !== "server" || firewall.appliedTo.some((other) => same(other, target))) continue;
    const server = cloud.get("server", target.server);
    if (appliedBy(firewall, server) === "label_selector") {
      throw new ApiError(
        "firewall_managed_by_label_selector",
        "firewall is applied via a label selector and cannot be removed manually",
      );
    }
  }
  const before = holding(cloud);
  const appliedTo = firewall.appliedTo.filter((target) => !targets.some((other) => same(other, target)));
  return repliedActions(
    cloud,
    cloud.change((tx, act) => {
      tx.put("firewall", { ...firewall, appliedTo });
      return applyDifference(cloud, act, before);
    }),
  );
}

/** Applies firewalls to a server that is being made. @throws ApiError when one does not exist. */
export function applyToNewServer(
  cloud: Cloud,
  server: Pick<Server, "id" | "labels">,
  ids: number[],
): Firewall[] {
  const missing = ids.filter((id) => !cloud.store.get("firewall", id));
  if (missing.length > 0) {
    throw invalidInput([
      { name: "firewalls", messages: missing.map((id) => `firewall with ID '${id}' not found`) },
    ]);
  }
  if (new Set(ids).size !== ids.length)
    throw invalidField("firewalls", "A firewall is given more than once.");
  if (ids.length > limits.firewallsPerServer)
    throw limitExceeded("firewalls per server", "firewalls_per_server_limit");
  return ids.map((id) => {
    const firewall = cloud.get("firewall", id);
    return { ...firewall, appliedTo: [...firewall.appliedTo, { type: "server", server: server.id }] };
  });
}

export const firewallRoutes: Route[] = [
  ...readRoutes(collection),
  ...actionRoutes("firewall", "firewalls"),
  { method: "POST", path: "/firewalls", handle: createFirewall },
  {
    method: "PUT",
    path: "/firewalls/:id",
    handle: ({ cloud, id, body }) => {
      const firewall = cloud.get("firewall", id);
      const input = parse(changed, body);
      if (input.name !== undefined) requireFreeName(cloud, "firewall", input.name, { except: id });
      const renamed = {
        ...firewall,
        name: input.name ?? firewall.name,
        labels: input.labels ?? firewall.labels,
      };
      cloud.change((tx) => tx.put("firewall", renamed));
      return { status: 200, body: { firewall: renderFirewall(cloud, renamed) } };
    },
  },
  {
    method: "DELETE",
    path: "/firewalls/:id",
    handle: async ({ cloud, id }) => {
      cloud.get("firewall", id);
      const working = () => cloud.engine.runningOn({ id, type: "firewall" }).length > 0;
      await cloud.engine.until(() => !working(), removalMs);
      if (cloud.get("firewall", id).appliedTo.length > 0 || working()) {
        throw new ApiError("resource_in_use", `firewall with ID ${id} is still in use`);
      }
      cloud.change((tx) => tx.delete("firewall", id));
      return { status: 204 };
    },
  },
  { method: "POST", path: "/firewalls/:id/actions/set_rules", handle: setRules },
  { method: "POST", path: "/firewalls/:id/actions/apply_to_resources", handle: applyToResources },
  { method: "POST", path: "/firewalls/:id/actions/remove_from_resources", handle: removeFromResources },
];
