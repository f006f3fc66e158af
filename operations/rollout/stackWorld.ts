import { setTimeout as sleep } from "node:timers/promises";
import type { HetznerAccess } from "../../clients/hetzner.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import type { Machines } from "../machines.ts";
import { awaitReplica, cachePrimary, moveCachePrimary } from "../membership/cache.ts";
import { awaitStandby, clusterMembers, leaderOf } from "../membership/postgres.ts";
import { drainReads, openReads } from "../membership/reads.ts";
import { chooseStandby } from "../switchover/choose.ts";
import { type CutoverTimes, cutOver, liftLeftovers } from "../switchover/cutover.ts";
import type { Cache, Cluster, Machine } from "../topology.ts";
import { etcd } from "../verify/checks/etcd.ts";
import { gateways } from "../verify/checks/gateways.ts";
import { loadBalancers } from "../verify/checks/loadBalancers.ts";
import { patroni } from "../verify/checks/patroni.ts";
import { listPending } from "../verify/checks/pendingRestarts.ts";
import { pooler } from "../verify/checks/pooler.ts";
import { redis } from "../verify/checks/redis.ts";
import { verify } from "../verify/verify.ts";
import { openWorld } from "../verify/world.ts";
import { balancersOf } from "./drain/balancers.ts";
import { drainClients, undrainClients } from "./drain/drain.ts";
import { bootId, reboot } from "./machine/reboot.ts";
import {
  heldHere,
  holdCommand,
  notStarted,
  RELEASE_CLIENTS,
  restartCommand,
  startsCommand,
} from "./machine/restart.ts";
import {
  haveVersions,
  stillUpgradable,
  transient,
  updateCommand,
  versionsCommand,
} from "./machine/update.ts";
import { replicatedCaches, roleOf } from "./plan.ts";
import type { MachineWork } from "./work.ts";
import type { RolloutWorld } from "./world.ts";

/** What must be well before the next machine is touched. */
const BETWEEN = [patroni, etcd, gateways, loadBalancers, pooler, redis];
/** What has just come back may need some moments until everything is as it should be (milliseconds). */
const SETTLES_WITHIN = 120_000;
const ETCD_WITHIN = 60_000;
/** Longer, and clients who are held would be told that nobody answers (seconds): PgBouncer's query_wait_timeout. */
const HELD_SECONDS = 9;

export interface StackRolloutOptions {
  access: HetznerAccess;
  drainSeconds: number;
  maxStallSeconds: number;
}

/** A rollout's world on a stack that runs. */
export class StackRolloutWorld implements RolloutWorld {
  readonly #machines: Machines;
  readonly #options: StackRolloutOptions;
  readonly #ctx: OperationContext;
  /** Times of the moves of a primary that were made. */
  readonly cutovers: CutoverTimes[] = [];

  constructor(machines: Machines, options: StackRolloutOptions, ctx: OperationContext) {
    this.#machines = machines;
    this.#options = options;
    this.#ctx = ctx;
  }

  async leads(machine: string): Promise<boolean> {
    for (const cluster of this.#clustersOf(machine)) {
      if ((await leaderOf(this.#machines, cluster))?.name === machine) return true;
    }
    return false;
  }

  async vacate(machine: string): Promise<void> {
    for (const cluster of this.#clustersOf(machine)) await this.#moveFrom(cluster, machine);
  }

  async #moveFrom(cluster: Cluster, machine: string): Promise<void> {
    const machines = this.#machines;
    const named = (names: string[]) => names.map((name) => machines.named(name));
    const places = { gateways: named(cluster.gateways), members: named(cluster.members) };
    await liftLeftovers(places, machines, this.#ctx);
    if ((await leaderOf(machines, cluster))?.name !== machine) return;
    // After a move that was turned back, standbys may need some moments until one can take over.
    await this.#allStream(cluster);
    const members = await clusterMembers(machines, cluster);
    const to = chooseStandby(cluster.name, members, undefined);
    const { maxStallSeconds } = this.#options;
    const plan = {
      cluster,
      from: machines.named(machine),
      to: machines.named(to),
      ...places,
      maxStallSeconds,
    };
    const times = await cutOver(plan, machines, this.#ctx);
    if (times) {
      this.cutovers.push(times);
      this.#ctx.onLine(`  ${to} is the primary; clients were held for ${times.heldMs} ms`);
    }
    await this.#allStream(cluster);
  }

  async #allStream(cluster: Cluster): Promise<void> {
    for (const { leader, name } of await clusterMembers(this.#machines, cluster)) {
      if (!leader) await awaitStandby(this.#machines, cluster, name, this.#ctx);
    }
  }

  #clustersOf(machine: string): Cluster[] {
    return this.#machines.topology.clusters.filter(({ members }) => members.includes(machine));
  }

  #isBalanced(machine: Machine): boolean {
    return balancersOf(this.#machines.topology, machine).length > 0;
  }

  async drain(name: string): Promise<void> {
    const machine = this.#machines.named(name);
    const { replicated } = roleOf(this.#machines.topology, name);
    if (replicated) {
      for (const cluster of this.#clustersOf(name))
        await drainReads(this.#machines, cluster, name, this.#ctx);
    }
    for (const cache of replicatedCaches(this.#machines.topology, name)) await this.#moveCache(cache, name);
    if (this.#isBalanced(machine)) await drainClients(this.#machines, machine, this.#options, this.#ctx);
  }

  async #moveCache(cache: Cache, from: string): Promise<void> {
    if ((await cachePrimary(this.#machines, cache)) !== from) return;
    const to = cache.machines.find((name) => name !== from)!;
    await moveCachePrimary(this.#machines, cache, to, this.#ctx);
  }

  async undrain(name: string): Promise<void> {
    const machine = this.#machines.named(name);
    const { replicated } = roleOf(this.#machines.topology, name);
    for (const cluster of this.#clustersOf(name)) {
      await this.#allStream(cluster);
      if (replicated) await openReads(this.#machines, cluster, name, this.#ctx);
    }
    for (const cache of replicatedCaches(this.#machines.topology, name))
      await awaitReplica(this.#machines, cache, name, this.#ctx);
    if (this.#isBalanced(machine)) await undrainClients(this.#machines, machine);
  }

  async isUpdated({ machine: name, packages, security }: MachineWork): Promise<boolean> {
    const machine = this.#machines.named(name);
    if (packages.length > 0) {
      const found = await this.#machines.run(machine, versionsCommand(packages.map((each) => each.name)));
      if (!haveVersions(found, packages)) return false;
    }
    if (security.length === 0) return true;
    return (await this.#machines.run(machine, stillUpgradable(security))).trim() === "";
  }

  async update(work: MachineWork): Promise<void> {
    const machine = this.#machines.named(work.machine);
    await this.#onMachine(machine, "the update of its packages", updateCommand(work));
    await this.#awaitEtcd(machine);
  }

  async waiting(work: MachineWork): Promise<string[]> {
    if (work.restarts.length === 0) return [];
    const machine = this.#machines.named(work.machine);
    const version = this.#clustersOf(work.machine)[0]?.postgresVersion ?? 17;
    return notStarted(await this.#machines.run(machine, startsCommand(work, version)), work);
  }

  async restart(name: string, what: string): Promise<void> {
    const machine = this.#machines.named(name);
    const database = what === "PostgreSQL" || what === "patroni.service";
    if (database && roleOf(this.#machines.topology, name).replicated) await this.vacate(name);
    const act = restartCommand(machine, what);
    const held = what === "etcd.service" ? act : this.#gently(machine, act);
    await this.#onMachine(machine, what, held);
    if (what === "etcd.service") await this.#awaitEtcd(machine);
  }

  /** Where nobody else can serve them, clients of this machine's poolers wait meanwhile. */
  #gently(machine: Machine, act: string): string {
    return machine.roles.includes("pgbouncer") && !this.#isBalanced(machine) ? heldHere(act) : act;
  }

  async #onMachine(machine: Machine, what: string, script: string): Promise<void> {
    try {
      await this.#machines.run(machine, transient(script));
    } catch (error) {
      const unit = what.endsWith(".service") ? what : "patroni.service";
      const journal = await this.#machines
        .run(machine, `journalctl -u ${unit} -n 15 --no-pager -o cat`)
        .catch(() => "");
      throw new Problem({
        happened: `${what} on ${machine.name} did not come to a good end.`,
        details: [...(error instanceof Error ? [error.message] : []), ...journal.trim().split("\n")],
        cause: error,
      });
    }
  }

  async hasRebooted({ bootId: before, machine }: MachineWork): Promise<boolean> {
    const now = await bootId(this.#machines, this.#machines.named(machine));
    return now !== null && now !== before;
  }

  async reboot(name: string): Promise<void> {
    const machine = this.#machines.named(name);
    if (roleOf(this.#machines.topology, name).replicated) await this.vacate(name);
    await reboot(this.#machines, machine, this.#ctx);
    await this.#awaitEtcd(machine);
  }

  /** The journal is kept there: nothing goes on before it answers again. */
  async #awaitEtcd(machine: Machine): Promise<void> {
    if (!machine.roles.includes("etcd")) return;
    const end = Date.now() + ETCD_WITHIN;
    for (;;) {
      try {
        await this.#machines.anyEtcd((one) => one.members(), [machine.name]);
        return;
      } catch (error) {
        this.#ctx.signal.throwIfAborted();
        if (Date.now() > end) throw error;
        await sleep(500);
      }
    }
  }

  async settle(): Promise<void> {
    const { topology } = this.#machines;
    const end = Date.now() + SETTLES_WITHIN;
    for (;;) {
      this.#ctx.signal.throwIfAborted();
      await using world = openWorld(topology, this.#options.access, this.#ctx);
      const report = await verify(world, BETWEEN);
      if (report.ok) return;
      if (Date.now() > end) {
        const failed = report.checks.filter((check) => !check.ok);
        throw new Problem({
          happened: "The stack is not as it should be, so no other machine is touched.",
          details: failed.map(({ name, detail }) => `${name}: ${detail}`),
          todo: failed.flatMap(({ fix }) => fix ?? []),
        });
      }
      await sleep(500);
    }
  }

  async stillWaits(): Promise<boolean> {
    return (await this.#pendingMembers()).length > 0;
  }

  async #pendingMembers(): Promise<string[]> {
    await using world = openWorld(this.#machines.topology, this.#options.access, this.#ctx);
    const pending = await listPending(world);
    return pending.filter(({ what }) => what === "PostgreSQL").map(({ machine }) => machine);
  }

  async restartInPlace(): Promise<void> {
    for (const cluster of this.#machines.topology.clusters) {
      const pending = await this.#pendingMembers();
      const leader = await leaderOf(this.#machines, cluster);
      if (leader && pending.includes(leader.name)) await this.#restartPrimary(cluster, leader);
      for (const name of await this.#pendingMembers()) {
        if (!cluster.members.includes(name)) continue;
        await this.drain(name);
        await this.restart(name, "PostgreSQL");
        await this.undrain(name);
      }
    }
    await this.settle();
  }

  async #restartPrimary(cluster: Cluster, leader: Machine): Promise<void> {
    const elsewhere = cluster.gateways
      .filter((name) => name !== leader.name)
      .map((name) => this.#machines.named(name));
    const act = restartCommand(leader, "PostgreSQL");
    const own = leader.roles.includes("pgbouncer") ? heldHere(act) : act;
    await Promise.all(elsewhere.map((gateway) => this.#machines.run(gateway, holdCommand(HELD_SECONDS))));
    try {
      await this.#onMachine(leader, "PostgreSQL", own);
    } finally {
      await Promise.all(elsewhere.map((gateway) => this.#machines.run(gateway, RELEASE_CLIENTS)));
    }
  }
}
