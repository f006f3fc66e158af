import type { Config } from "../../infra/config.ts";
import { type PlanDifference, planDifference } from "../../infra/hetzner/difference.ts";
import { type Scaling, type Sizes, scaledPlan, sizesOf } from "../../infra/phases/scaling.ts";
import type { Topology } from "../../infra/topology.ts";
import { messageOf } from "../../toolchain/problem.ts";
import type { Canary } from "../canary/canary.ts";
import type { OperationContext } from "../context.ts";
import { type Prepared, reconcile, staged } from "../deploy/prepare.ts";
import { liftProtection } from "../deploy/protection.ts";
import { runCommand } from "../deploy/run.ts";
import { writeSizes } from "../deploy/sizeSettings.ts";
import { readStackFile } from "../deploy/stackFile.ts";
import { markUnfinished } from "../deploy/unfinished.ts";
import { validate } from "../deploy/validate.ts";
import { Machines } from "../machines.ts";
import { StackWorld } from "../promote/stackWorld.ts";
import { roleOf } from "../rollout/plan.ts";
import { StackRolloutWorld } from "../rollout/stackWorld.ts";
import { readTopology } from "../topology.ts";

export interface ScaleWorldOptions {
  prepared: Prepared;
  topology: Topology;
  to: Sizes;
  /** What was asked for: written into the stack's file. */
  changed: Partial<Sizes>;
  drainSeconds: number;
  maxStallSeconds: number;
  canary: Canary;
}

/** A change of size on a stack that runs; to be closed. */
export class ScaleWorld implements AsyncDisposable {
  readonly #options: ScaleWorldOptions;
  readonly #ctx: OperationContext;
  #topology: Topology;
  #machines: Machines;
  /** What a promotion does with members, done here too. */
  members: StackWorld;
  /** What a rollout does with machines, done here too. */
  #rolling: StackRolloutWorld;

  constructor(options: ScaleWorldOptions, ctx: OperationContext) {
    this.#options = options;
    this.#ctx = ctx;
    this.#topology = options.topology;
    this.#machines = new Machines(options.topology, ctx);
    this.members = this.#membersOf(options.topology);
    this.#rolling = this.#rollingOn(this.#machines);
  }

  get topology(): Topology {
    return this.#topology;
  }

  #membersOf(topology: Topology): StackWorld {
    const { canary, maxStallSeconds, prepared } = this.#options;
    const { phase } = prepared.config;
    return new StackWorld({ prepared, topology, from: phase, to: phase, maxStallSeconds, canary }, this.#ctx);
  }

  #rollingOn(machines: Machines): StackRolloutWorld {
    const { drainSeconds, maxStallSeconds, prepared } = this.#options;
    return new StackRolloutWorld(
      machines,
      { access: prepared.access, drainSeconds, maxStallSeconds },
      this.#ctx,
    );
  }

  /** Runs the program for a stage. @param resized Machines that have their new type; new ones have it anyway. */
  async deploy(state: Scaling["state"], resized: string[]): Promise<void> {
    const { prepared, to } = this.#options;
    const { config, deployment } = prepared;
    const { stack } = deployment.file;
    const stage = (at: Scaling["state"]) => stageOf(config, stack, { to, state: at, resized });
    await reconcile(await staged(prepared, undefined, stage("expanded")), "up", this.#ctx);
    const wanted = await staged(prepared, undefined, stage(state));
    await liftProtection(wanted, removedBy(config, stack, { to, state, resized }), this.#ctx);
    await markUnfinished(deployment, () => runCommand(deployment, "up", wanted.program, this.#ctx));
    const topology = await readTopology(deployment, this.#ctx);
    await this[Symbol.asyncDispose]();
    this.#topology = topology;
    this.#machines = new Machines(topology, this.#ctx);
    this.members = this.#membersOf(topology);
    this.#rolling = this.#rollingOn(this.#machines);
  }

  hasNewType(name: string): boolean {
    return this.#machines.named(name).serverType === this.#options.to.serverType;
  }

  async leadAway(name: string): Promise<void> {
    if (roleOf(this.#topology, name).replicated) await this.#rolling.vacate(name);
    if (roleOf(this.#topology, name).drained) await this.#rolling.drain(name);
  }

  /** Ends the database of a machine that is about to lose its power. */
  async stop(name: string): Promise<void> {
    const machine = this.#machines.named(name);
    if (!machine.roles.includes("patroni")) return;
    await this.#machines.run(machine, "systemctl stop patroni.service; sync");
  }

  async settle(name: string): Promise<void> {
    await this.#rolling.undrain(name);
    await this.#rolling.settle();
  }

  async isRecorded(): Promise<boolean> {
    const config = validate(await readStackFile(this.#topology.stack));
    const now = sizesOf(config);
    return (Object.keys(now) as (keyof Sizes)[]).every((key) => now[key] === this.#options.to[key]);
  }

  record(): Promise<void> {
    return writeSizes(this.#topology.stack, this.#options.changed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of [this.members, this.#machines]) {
      await each[Symbol.asyncDispose]().catch((error) => this.#ctx.onLine(messageOf(error)));
    }
  }
}

/** What the program is told at a stage: new machines have their new type from the beginning. Pure. */
export function stageOf(config: Config, stack: string, { resized, state, to }: Scaling): Scaling {
  const namesAt = (size: Sizes, at: Scaling["state"]) =>
    scaledPlan(config, { to: size, state: at, resized: [] }, stack).plan.machines.map(({ name }) => name);
  const there = namesAt(sizesOf(config), state);
  const names = namesAt(to, state);
  const fresh = names.filter((name) => !there.includes(name));
  return { to, state, resized: state === "contracted" ? names : [...resized, ...fresh] };
}

/** What goes with the way from everything that both sizes have to a stage: its protection is lifted. Pure. */
export function removedBy(config: Config, stack: string, scaling: Scaling): PlanDifference {
  const plan = (state: Scaling["state"]) =>
    scaledPlan(config, stageOf(config, stack, { ...scaling, state }), stack).plan;
  return planDifference(plan("expanded"), plan(scaling.state));
}
