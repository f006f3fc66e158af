import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../toolchain/problem.ts";
import type { TargetHealth } from "../hypervisor.ts";
import type { Cloud } from "./cloud.ts";
import { loadBalancerSpec } from "./loadBalancers.ts";
import type { LoadBalancer } from "./model.ts";

/** How often it is looked whether servers came, went or changed. */
const changeMs = 200;
/** How often load balancers are asked what they see of their targets. */
const healthMs = 1000;
/** How long one that could not be brought to its state is left alone. */
const pauseMs = 5000;

/**
 * Brings load balancers to where changes of servers lead them: labels, addresses, networks, deletions; starts those
 * that died altogether; and writes down what they see of their targets.
 */
export class BalancerKeeper {
  readonly #cloud: Cloud;
  readonly #log: (line: string) => void;
  /** What each was brought to, as JSON. */
  readonly #kept = new Map<number, string>();
  readonly #paused = new Map<number, number>();
  #revision = -1;
  #asked = 0;
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(cloud: Cloud, log: (line: string) => void) {
    this.#cloud = cloud;
    this.#log = log;
  }

  /** Begins; `stop` ends it. */
  start(): void {
    const loop = async () => {
      while (!this.#stopped) {
        await this.look();
        await sleep(changeMs);
      }
    };
    this.#loop = loop();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
  }

  async look(): Promise<void> {
    const { store } = this.#cloud;
    const due = Date.now() - this.#asked >= healthMs;
    if (store.revision === this.#revision && !due) return;
    if (due) this.#asked = Date.now();
    this.#revision = store.revision;
    for (const { id, name } of store.all("load_balancer")) {
      try {
        await this.#bring(id);
        if (due) await this.#see(id);
      } catch (error) {
        this.#log(`keeping load balancer ${name}: ${messageOf(error)}`);
      }
    }
  }

  /** The load balancer as it is now, unless somebody works on it. */
  #free(id: number): LoadBalancer | undefined {
    const { engine, store } = this.#cloud;
    return engine.runningOn({ id, type: "load_balancer" }).length > 0
      ? undefined
      : store.get("load_balancer", id);
  }

  async #bring(id: number): Promise<void> {
    const balancer = this.#free(id);
    if (!balancer) {
      // Look again when that work is done, though it may end without a change.
      this.#revision = -1;
      return;
    }
    const spec = loadBalancerSpec(this.#cloud.store, balancer);
    const wanted = JSON.stringify(spec);
    if (this.#kept.get(id) === wanted || (this.#paused.get(id) ?? 0) > Date.now()) return;
    try {
      await this.#cloud.hypervisor.ensureLoadBalancer(spec);
      this.#kept.set(id, wanted);
      this.#paused.delete(id);
    } catch (error) {
      this.#paused.set(id, Date.now() + pauseMs);
      this.#revision = -1;
      throw error;
    }
  }

  async #see(id: number): Promise<void> {
    if (!this.#free(id)) return;
    const health = await this.#cloud.hypervisor.loadBalancerHealth(id);
    // None: it does not run, and its own supervisor did not help.
    if (health === null) this.#kept.delete(id);
    const balancer = this.#free(id);
    if (!balancer || health === null || same(health, balancer.health)) return;
    this.#cloud.change((tx) => tx.put("load_balancer", { ...balancer, health }));
  }
}

function same(a: readonly TargetHealth[], b: readonly TargetHealth[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
