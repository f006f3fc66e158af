import { setTimeout as sleep } from "node:timers/promises";
import { type PlanDifference, planDifference } from "../../infra/hetzner/difference.ts";
import { hetznerPlan } from "../../infra/hetzner/plan.ts";
import { type Stage as ProgramStage, stagedBlueprint } from "../../infra/phases/stage.ts";
import type { Topology } from "../../infra/topology.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { Canary } from "../canary/canary.ts";
import type { OperationContext } from "../context.ts";
import { readPhase, writePhase } from "../deploy/phaseSetting.ts";
import { type Prepared, reconcile, staged } from "../deploy/prepare.ts";
import { liftProtection } from "../deploy/protection.ts";
import { runCommand } from "../deploy/run.ts";
import { markUnfinished } from "../deploy/unfinished.ts";
import { isUnreachable, Machines } from "../machines.ts";
import {
  awaitReplica,
  cacheMembers,
  cachePrimary,
  moveCachePrimary,
  retireReplica,
} from "../membership/cache.ts";
import { addVoter, endEtcd, etcdMembers, removeVoter } from "../membership/etcd.ts";
import {
  awaitStandby,
  clusterMembers,
  forgetMember,
  isRetired,
  isStreaming,
  leaderOf,
  retire,
} from "../membership/postgres.ts";
import { drainReads } from "../membership/reads.ts";
import { type CutoverTimes, cutOver, liftLeftovers } from "../switchover/cutover.ts";
import { type Cache, type Cluster, type Machine, readTopology } from "../topology.ts";
import { verifyDeployed } from "../verifyStack.ts";
import type { Member, PromotionWorld, Stage, Voter } from "./world.ts";

/** What has just joined or moved may need some moments until everything is as it should be (milliseconds). */
const SETTLES_WITHIN = 60_000;

export interface StackWorldOptions {
  prepared: Prepared;
  topology: Topology;
  from: ProgramStage["from"];
  to: ProgramStage["to"];
  maxStallSeconds: number;
  /** Null where nobody watches. */
  canary: Canary | null;
}

/** A promotion's world on a stack that runs; to be closed. */
export class StackWorld implements PromotionWorld, AsyncDisposable {
  readonly #options: StackWorldOptions;
  readonly #ctx: OperationContext;
  #machines: Machines;
  /** Times of the cutovers that were made. */
  readonly cutovers: CutoverTimes[] = [];

  constructor(options: StackWorldOptions, ctx: OperationContext) {
    this.#options = options;
    this.#ctx = ctx;
    this.#machines = new Machines(options.topology, ctx);
  }

  get machines(): Machines {
    return this.#machines;
  }

  get #cluster(): Cluster {
    return this.#machines.topology.clusters[0]!;
  }

  async deploy(stage: Stage): Promise<void> {
    const { from, prepared, to } = this.#options;
    // What a killed run made is known to the program of both phases alone: another one would leave it behind.
    await reconcile(await staged(prepared, { from, to, state: "expanded" }), "up", this.#ctx);
    const wanted = await staged(prepared, this.#programStage(stage));
    const { deployment, program } = wanted;
    await liftProtection(wanted, this.#removed(stage), this.#ctx);
    await markUnfinished(deployment, () => runCommand(deployment, "up", program, this.#ctx));
    const topology = await readTopology(deployment, this.#ctx);
    await this.#machines[Symbol.asyncDispose]();
    this.#machines = new Machines(topology, this.#ctx);
  }

  /** What goes with the way from everything that both phases have to a stage. */
  #removed(stage: Stage): PlanDifference {
    const { config, deployment } = this.#options.prepared;
    const { from, to } = this.#options;
    const plan = (at: ProgramStage) =>
      hetznerPlan(stagedBlueprint(config, at), config, deployment.file.stack);
    return planDifference(plan({ from, to, state: "expanded" }), plan(this.#programStage(stage)));
  }

  /** The phase that a stack comes from is one like any other here: its file may say something else meanwhile. */
  #programStage(stage: Stage): ProgramStage {
    const { from, to } = this.#options;
    if (!("phase" in stage)) return { from, to, state: "expanded" };
    return stage.phase === from
      ? { from: to, to: from, state: "contracted" }
      : { from, to, state: "contracted" };
  }

  async voters(): Promise<Voter[]> {
    return await etcdMembers(this.#machines);
  }

  async addVoter(name: string): Promise<void> {
    await addVoter(this.#machines, name, this.#ctx);
  }

  async removeVoter(name: string): Promise<void> {
    await removeVoter(this.#machines, name);
    const machine = this.#machine(name);
    if (machine) await this.#answers(name, () => endEtcd(this.#machines, machine));
  }

  async members(): Promise<Member[]> {
    const members = await clusterMembers(this.#machines, this.#cluster);
    return members.map((member) => ({
      name: member.name,
      leader: member.leader,
      streaming: isStreaming(member),
    }));
  }

  async awaitStandby(name: string): Promise<void> {
    await awaitStandby(this.#machines, this.#cluster, name, this.#ctx);
  }

  async moveLeader(to: string): Promise<void> {
    const machines = this.#machines;
    const cluster = this.#cluster;
    const named = (names: string[]) => names.map((name) => machines.named(name));
    const places = { gateways: named(cluster.gateways), members: named(cluster.members) };
    await liftLeftovers(places, machines, this.#ctx);
    const from = await leaderOf(machines, cluster);
    if (!from) throw new Error(`${cluster.name} has no primary`);
    if (from.name === to) return;
    const times = await cutOver(
      {
        cluster,
        from,
        to: machines.named(to),
        ...places,
        maxStallSeconds: this.#options.maxStallSeconds,
      },
      machines,
      this.#ctx,
    );
    if (times) {
      this.cutovers.push(times);
      this.#ctx.onLine(`  clients were held for ${times.heldMs} ms`);
    }
    await this.#allStream();
  }

  /** The old primary comes back as a standby; until then a second move would have nowhere to go. */
  async #allStream(): Promise<void> {
    for (const { leader, name } of await this.members()) if (!leader) await this.awaitStandby(name);
  }

  async retire(name: string): Promise<void> {
    const machine = this.#machine(name);
    if (!machine) return;
    await drainReads(this.#machines, this.#cluster, name, this.#ctx);
    await retire(this.#machines, this.#cluster, machine);
  }

  async abandon(name: string): Promise<void> {
    const machine = this.#machine(name);
    if (!machine || (await this.#answers(name, () => this.isRetired(name))) === true) return;
    await drainReads(this.#machines, this.#cluster, name, this.#ctx);
    const done = await this.#answers(name, async () => {
      await retire(this.#machines, this.#cluster, machine);
      return true;
    });
    if (!done) await forgetMember(this.#machines, this.#cluster, name);
  }

  /** What `ask` gives; null, and a line of it, where the machine does not answer at all. */
  async #answers<T>(name: string, ask: () => Promise<T>): Promise<T | null> {
    try {
      return await ask();
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      this.#ctx.onLine(`  ${name} does not answer`);
      return null;
    }
  }

  async isRetired(name: string): Promise<boolean> {
    const machine = this.#machine(name);
    return !machine || isRetired(this.#machines, this.#cluster, machine);
  }

  #machine(name: string): Machine | undefined {
    return this.#machines.topology.machines.find((machine) => machine.name === name);
  }

  #cache(name: string): Cache {
    const cache = this.#machines.topology.caches.find((each) => each.name === name);
    if (!cache) throw new Error(`there is no cache ${name}`);
    return cache;
  }

  async hasReplica(cache: string, name: string): Promise<boolean> {
    if (!this.#cache(cache).machines.includes(name)) return false;
    const members = await cacheMembers(this.#machines, this.#cache(cache));
    return members.some((member) => member.name === name && (member.synced || member.primary));
  }

  async awaitReplica(cache: string, name: string): Promise<void> {
    await awaitReplica(this.#machines, this.#cache(cache), name, this.#ctx);
  }

  async retireReplica(cache: string, name: string, keep: string[]): Promise<void> {
    if (this.#machine(name)) await retireReplica(this.#machines, this.#cache(cache), name, keep);
  }

  async moveCache(cache: string, to: string[]): Promise<void> {
    const primary = await cachePrimary(this.#machines, this.#cache(cache));
    // Sentinels that have only just begun, or do not know the cache yet, have moved nothing.
    const members = primary === null ? await cacheMembers(this.#machines, this.#cache(cache)) : [];
    const primaries = primary
      ? [primary]
      : members.flatMap((member) => (member.primary ? [member.name] : []));
    if (primaries.length === 1 && to.includes(primaries[0]!)) return;
    await moveCachePrimary(this.#machines, this.#cache(cache), to[0]!, this.#ctx);
  }

  async verify(): Promise<void> {
    const end = Date.now() + SETTLES_WITHIN;
    for (;;) {
      this.#ctx.signal.throwIfAborted();
      const { deployment } = this.#options.prepared;
      const report = await verifyDeployed(this.#machines.topology, deployment, this.#ctx);
      if (report.ok) return;
      if (Date.now() > end) {
        const failed = report.checks.filter((check) => !check.ok);
        throw new Problem({
          happened: "The stack is not as it should be.",
          details: failed.map(({ name, detail }) => `${name}: ${detail}`),
          todo: failed.flatMap(({ fix }) => fix ?? []),
        });
      }
      await sleep(1000);
    }
  }

  async confirm(): Promise<void> {
    const report = await this.#options.canary?.check();
    if (!report || (report.missing === 0 && report.errors === 0)) return;
    throw new Problem({
      happened: `The canary was hurt: ${report.missing} rows are missing, clients saw ${report.errors} errors.`,
      details: report.samples,
    });
  }

  filePhase(): Promise<number> {
    return readPhase(this.#options.prepared.deployment.file.stack);
  }

  writePhase(phase: number): Promise<void> {
    return writePhase(this.#options.prepared.deployment.file.stack, phase);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machines[Symbol.asyncDispose]().catch((error) => this.#ctx.onLine(messageOf(error)));
  }
}
