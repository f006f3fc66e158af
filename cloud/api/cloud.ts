import type { Hypervisor } from "../hypervisor.ts";
import { type CloudStore, Engine, type NewAction, type Tasks, type Tx } from "./engine.ts";
import { ApiError, locked, notFound } from "./errors.ts";
import type { Action, ActionResource, Kind, Kinds } from "./model.ts";
import { locks, View } from "./view.ts";

/** Adds an action to the change under way. */
export type Act = (spec: NewAction) => Action;

/** How long a request waits for a short work on the same resource before it is refused. */
const patienceMs = 400;
/** These are changed by several requests at once by every client that works in parallel. */
const shared: Partial<Record<Kind, { patienceMs: number; change: string }>> = {
  network: { patienceMs: 2000, change: "another change of the network is under way" },
  load_balancer: { patienceMs: 10_000, change: "another change of the load balancer is under way" },
};

/** How things are called in messages. */
export const titles: Record<Kind, string> = {
  server: "server",
  ssh_key: "SSH key",
  network: "network",
  volume: "volume",
  firewall: "firewall",
  placement_group: "placement group",
  primary_ip: "primary IP",
  load_balancer: "load balancer",
  certificate: "certificate",
  zone: "zone",
  rrset: "RRSet",
  action: "action",
};

/** What the requests work on: the store, the engine, and what is derived from them. */
export class Cloud {
  readonly store: CloudStore;
  readonly engine: Engine;
  readonly hypervisor: Hypervisor;
  #view: { revision: number; view: View } | null = null;

  constructor(args: {
    store: CloudStore;
    hypervisor: Hypervisor;
    tasks: Tasks;
    log: (line: string) => void;
  }) {
    this.store = args.store;
    this.hypervisor = args.hypervisor;
    this.engine = new Engine(args, args.tasks);
  }

  get view(): View {
    if (this.#view?.revision !== this.store.revision) {
      this.#view = { revision: this.store.revision, view: new View(this.store, this.engine) };
    }
    return this.#view.view;
  }

  /** One change, written as a whole; the work of its actions starts right after. */
  change<T>(body: (tx: Tx, act: Act) => T): T {
    const added: Action[] = [];
    const result = this.store.transact((tx) =>
      body(tx, (spec) => {
        const action = this.engine.add(tx, spec);
        added.push(action);
        return action;
      }),
    );
    this.engine.kick(added);
    return result;
  }

  /** @throws ApiError not_found */
  get<K extends Kind>(kind: K, id: number): Kinds[K] {
    const row = this.store.get(kind, id);
    if (!row) throw notFound(titles[kind], id);
    return row;
  }

  /**
   * Runs `body` as soon as these exist and nobody works on them; short work that is under way is waited for. `body`
   * must not wait for anything: what it finds free is free until it has written its change.
   *
   * @throws ApiError not_found, locked, conflict
   */
  async whenFree<T>(resources: () => ActionResource[], body: () => T): Promise<T> {
    const busy = () =>
      resources().find((one) => this.engine.runningOn(one).some((action) => locks(action, one)));
    const patience = this.#existing(resources).map(({ type }) => shared[type]?.patienceMs ?? patienceMs);
    const deadline = Date.now() + Math.min(...patience);
    for (;;) {
      await this.engine.until(() => !busy(), deadline - Date.now());
      this.#existing(resources);
      const first = busy();
      if (!first) return body();
      if (Date.now() < deadline) continue;
      const { change } = shared[first.type] ?? {};
      if (change) throw new ApiError("conflict", change);
      throw locked(titles[first.type]);
    }
  }

  #existing(resources: () => ActionResource[]): ActionResource[] {
    const all = resources();
    for (const { type, id } of all) this.get(type, id);
    return all;
  }

  /**
   * Waits for work that Hetzner does within the request.
   *
   * @throws ApiError server_error when it fails.
   */
  async finished(action: Action): Promise<void> {
    const current = () => this.store.get("action", action.id);
    await this.engine.until(() => current()?.status !== "running", 120_000);
    const { status, error } = current() ?? {};
    if (status === "success") return;
    throw new ApiError(
      "server_error",
      error?.message ?? `${action.command} takes too long; it goes on in the background`,
    );
  }
}
