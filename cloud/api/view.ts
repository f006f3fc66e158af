import type { CloudStore, Engine } from "./engine.ts";
import { firewallsFor } from "./firewalls.ts";
import { serversOf } from "./loadBalancers.ts";
import type { Action, ActionResource, PrimaryIp, Server } from "./model.ts";

/** Work that touches a thing of this kind and yet leaves it open to other work. */
const leavesOpen: Partial<Record<ActionResource["type"], ReadonlySet<string>>> = {
  server: new Set(["apply_firewall", "remove_firewall"]),
  // Those of load balancers have the same names.
  network: new Set(["attach_to_network", "detach_from_network", "change_alias_ips"]),
};

/** Whether an action that runs keeps other work away from this thing, which it touches. */
export function locks(action: Action, resource: ActionResource): boolean {
  return leavesOpen[resource.type]?.has(action.command) !== true;
}

function group<T>(entries: readonly T[], key: (entry: T) => number | null): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const entry of entries) {
    const at = key(entry);
    if (at === null) continue;
    const list = groups.get(at);
    if (list) list.push(entry);
    else groups.set(at, [entry]);
  }
  return groups;
}

const none: readonly never[] = [];

/** What follows from the store, seen from the other side of each relation. Good for one revision of the store. */
export class View {
  readonly store: CloudStore;
  readonly #volumes: Map<number, number[]>;
  readonly #addresses: Map<number, PrimaryIp[]>;
  readonly #members: Map<number, number[]>;
  readonly #attached = new Map<number, number[]>();
  readonly #balancersIn: Map<number, number[]>;
  readonly #balancersBefore: Map<number, number[]>;
  readonly #locked = new Set<number>();
  readonly #pendingFirewall = new Set<string>();

  constructor(store: CloudStore, engine: Engine) {
    this.store = store;
    const ids = (groups: Map<number, { id: number }[]>) =>
      new Map([...groups].map(([key, entries]) => [key, entries.map((entry) => entry.id)]));
    this.#volumes = ids(group(store.all("volume"), (volume) => volume.server));
    this.#addresses = group(store.all("primary_ip"), (address) => address.assignee);
    this.#members = ids(group(store.all("server"), (server) => server.placementGroup));
    const balancers = store.all("load_balancer");
    this.#balancersIn = ids(group(balancers, ({ privateNet }) => privateNet?.network ?? null));
    const ends = balancers.flatMap(({ id, targets }) =>
      targets.flatMap((target) =>
        serversOf(store.all("server"), target).map((server) => ({ id, server: server.id })),
      ),
    );
    this.#balancersBefore = ids(group(ends, ({ server }) => server));
    for (const server of store.all("server")) {
      for (const { network } of server.privateNet) {
        this.#attached.set(network, [...(this.#attached.get(network) ?? []), server.id]);
      }
    }
    for (const action of engine.running()) {
      const server = action.resources.find((resource) => resource.type === "server");
      if (!server) continue;
      if (locks(action, server)) this.#locked.add(server.id);
      const firewall = action.resources.find((resource) => resource.type === "firewall");
      if (firewall) this.#pendingFirewall.add(`${server.id}/${firewall.id}`);
    }
  }

  volumesOf(server: number): readonly number[] {
    return this.#volumes.get(server) ?? none;
  }

  addressOf(server: number, type: "ipv4" | "ipv6"): PrimaryIp | undefined {
    return this.#addresses.get(server)?.find((address) => address.type === type);
  }

  membersOf(placementGroup: number): readonly number[] {
    return this.#members.get(placementGroup) ?? none;
  }

  serversIn(network: number): readonly number[] {
    return this.#attached.get(network) ?? none;
  }

  balancersIn(network: number): readonly number[] {
    return this.#balancersIn.get(network) ?? none;
  }

  /** Load balancers that have the server as a target, by itself or by its labels. */
  balancersBefore(server: number): readonly number[] {
    return [...new Set(this.#balancersBefore.get(server) ?? none)];
  }

  isLocked(server: number): boolean {
    return this.#locked.has(server);
  }

  firewallsOf(server: Server): { id: number; status: "applied" | "pending" }[] {
    return firewallsFor(this.store.all("firewall"), server).map(({ id }) => ({
      id,
      status: this.#pendingFirewall.has(`${server.id}/${id}`) ? "pending" : "applied",
    }));
  }
}
