import type { Blueprint } from "../../../../infra/blueprint.ts";
import { transition } from "../../../../infra/phases/transition.ts";
import type { Member, PromotionWorld, Stage, Voter } from "../../../../operations/promote/world.ts";
import type { Killer } from "../workflow/killer.ts";

interface Machine {
  etcd: "none" | "learner" | "voter";
  postgres: "none" | "copying" | "standby" | "primary";
  /** Numbers of the rows that its copy of the data has. */
  rows: number[];
  redis: "none" | "replica" | "primary";
  /** Numbers of the keys that its copy of the cache has. */
  keys: number[];
}

/**
 * A stack in memory. It behaves as badly as a real one: what is taken away is gone, a quorum can be lost, a primary
 * that is removed takes its rows with it. Between any two effects a client writes a row; whatever breaks throws, and
 * is not forgiven.
 */
export class SimulatedWorld implements PromotionWorld {
  killer: Killer;
  readonly machines = new Map<string, Machine>();
  readonly acknowledged: number[] = [];
  stage: Stage;
  phase: number;
  /** A unit on a gateway goes on with it, whoever started it. */
  #moving: string | null = null;
  readonly #blueprints: Map<number, Blueprint>;

  constructor(blueprints: Blueprint[], phase: number, killer: Killer) {
    this.killer = killer;
    this.#blueprints = new Map(blueprints.map((each) => [each.phase, each]));
    this.stage = { phase };
    this.phase = phase;
    const { nodes, consensus, clusters } = this.#blueprint({ phase });
    for (const { name } of nodes) {
      const members = clusters.flatMap((cluster) => cluster.members);
      const postgres = name === members[0] ? "primary" : members.includes(name) ? "standby" : "none";
      const etcd = consensus.members.includes(name) ? "voter" : "none";
      const [cache] = this.#blueprint({ phase }).caches;
      // Not where it began, as after a failover.
      const redis = name === cache?.on.at(-1) ? "primary" : cache?.on.includes(name) ? "replica" : "none";
      this.machines.set(name, { etcd, postgres, rows: [], redis, keys: [] });
    }
    this.#write();
  }

  async deploy(stage: Stage): Promise<void> {
    const wanted = this.#blueprint(stage).nodes.map((node) => node.name);
    for (const name of wanted) {
      if (this.machines.has(name)) continue;
      await this.#effect(`make ${name}`, () =>
        this.machines.set(name, { etcd: "none", postgres: "none", rows: [], redis: "none", keys: [] }),
      );
    }
    for (const name of [...this.machines.keys()].filter((each) => !wanted.includes(each))) {
      await this.#effect(`delete ${name}`, () => this.#delete(name));
    }
    const members = this.#blueprint(stage).clusters.flatMap((cluster) => cluster.members);
    for (const name of members) {
      const machine = this.#machine(name);
      if (machine.postgres !== "none") continue;
      await this.#effect(`begin to copy to ${name}`, () => {
        machine.postgres = "copying";
      });
    }
    for (const name of this.#blueprint(stage).caches.flatMap((cache) => cache.on)) {
      const machine = this.#machine(name);
      if (machine.redis !== "none") continue;
      await this.#effect(`begin to copy the cache to ${name}`, () => {
        machine.redis = "replica";
      });
    }
    await this.#effect("record the stage", () => {
      this.stage = stage;
    });
  }

  async voters(): Promise<Voter[]> {
    return [...this.machines]
      .filter(([, { etcd }]) => etcd !== "none")
      .map(([name, { etcd }]) => ({ name, learner: etcd === "learner" }));
  }

  async addVoter(name: string): Promise<void> {
    const machine = this.#machine(name);
    if ([...this.machines].some(([other, { etcd }]) => other !== name && etcd === "learner")) {
      throw new Error("etcd takes one learner at a time");
    }
    if (machine.etcd === "none") {
      await this.#effect(`add the learner ${name}`, () => {
        machine.etcd = "learner";
      });
    }
    if (machine.etcd === "learner") {
      await this.#effect(`promote the learner ${name}`, () => {
        machine.etcd = "voter";
      });
    }
  }

  async removeVoter(name: string): Promise<void> {
    const machine = this.machines.get(name);
    if (!machine || machine.etcd === "none") return;
    await this.#effect(`remove the voter ${name}`, () => {
      machine.etcd = "none";
      if (![...this.machines.values()].some(({ etcd }) => etcd === "voter"))
        throw new Error("no voter is left");
    });
  }

  async members(): Promise<Member[]> {
    this.#settle();
    return [...this.machines]
      .filter(([, { postgres }]) => postgres !== "none")
      .map(([name, { postgres }]) => ({
        name,
        leader: postgres === "primary",
        streaming: postgres === "standby",
      }));
  }

  async awaitStandby(name: string): Promise<void> {
    const machine = this.#machine(name);
    if (machine.postgres === "none") throw new Error(`nothing copies to ${name}`);
    await this.#effect(`${name} has copied`, () => {
      if (machine.postgres === "copying") machine.postgres = "standby";
      machine.rows = [...this.#primary().rows];
    });
  }

  async moveLeader(to: string): Promise<void> {
    if (this.#machine(to).postgres !== "standby") throw new Error(`${to} is no standby`);
    await this.#effect("start the agents", () => {});
    await this.#effect("start the coordinator", () => {
      this.#moving = to;
    });
    this.#settle();
  }

  async retire(name: string): Promise<void> {
    this.#settle();
    const machine = this.machines.get(name);
    if (!machine || machine.postgres === "none") return;
    if (machine.postgres === "primary") throw new Error(`${name} is the primary`);
    await this.#effect(`end PostgreSQL on ${name}`, () => {
      machine.postgres = "none";
    });
    await this.#effect(`delete the data of ${name}`, () => {
      machine.rows = [];
    });
  }

  abandon(name: string): Promise<void> {
    return this.retire(name);
  }

  async isRetired(name: string): Promise<boolean> {
    const machine = this.machines.get(name);
    return !machine || (machine.postgres === "none" && machine.rows.length === 0);
  }

  async hasReplica(_cache: string, name: string): Promise<boolean> {
    const primary = this.#cachePrimary();
    return this.#machine(name).keys.length === primary.keys.length;
  }

  async awaitReplica(_cache: string, name: string): Promise<void> {
    const machine = this.#machine(name);
    if (machine.redis === "none") throw new Error(`nothing copies the cache to ${name}`);
    await this.#effect(`${name} has copied the cache`, () => {
      machine.keys = [...this.#cachePrimary().keys];
      // As Sentinels do at any time, and here at a bad one: to where it may have to leave again.
      if (machine.redis === "replica") this.#turnCache(machine);
    });
  }

  async moveCache(_cache: string, to: string[]): Promise<void> {
    const machine = this.#machine(to[0]!);
    if (machine.redis === "primary") return;
    await this.#effect(`move the cache to ${to[0]}`, () => this.#turnCache(machine));
  }

  async retireReplica(_cache: string, name: string): Promise<void> {
    const machine = this.machines.get(name);
    if (!machine || machine.redis === "none") return;
    if (machine.redis === "primary") throw new Error(`${name} has the primary of the cache`);
    await this.#effect(`end Redis on ${name}`, () => {
      machine.redis = "none";
      machine.keys = [];
    });
  }

  #turnCache(to: Machine): void {
    const old = this.#cachePrimary();
    if (old.keys.some((key) => !to.keys.includes(key)))
      throw new Error("the new primary of the cache lacks keys");
    old.redis = "replica";
    to.redis = "primary";
  }

  #cachePrimary(): Machine {
    const primaries = [...this.machines.values()].filter(({ redis }) => redis === "primary");
    if (primaries.length !== 1) throw new Error(`${primaries.length} primaries of the cache`);
    return primaries[0]!;
  }

  async verify(): Promise<void> {
    this.#settle();
    const { consensus, clusters } = this.#blueprint(this.stage);
    const voters = (await this.voters()).filter((voter) => !voter.learner).map((voter) => voter.name);
    const wrong = [
      ...consensus.members.filter((name) => !voters.includes(name)).map((name) => `${name} has no vote`),
      ...voters.filter((name) => !consensus.members.includes(name)).map((name) => `${name} has a vote`),
      ...clusters
        .flatMap((cluster) => cluster.members)
        .filter((name) => !["standby", "primary"].includes(this.#machine(name).postgres))
        .map((name) => `${name} does not serve`),
    ];
    if (wrong.length > 0) throw new Error(wrong.join(", "));
  }

  async confirm(): Promise<void> {
    const missing = this.acknowledged.filter((row) => !this.#primary().rows.includes(row));
    if (missing.length === 0 && this.#blueprint({ phase: this.phase }).caches.length > 0) {
      missing.push(...this.acknowledged.filter((key) => !this.#cachePrimary().keys.includes(key)));
    }
    if (missing.length > 0) throw new Error(`${missing.length} rows are missing`);
  }

  async filePhase(): Promise<number> {
    return this.phase;
  }

  async writePhase(phase: number): Promise<void> {
    await this.#effect("write the file", () => {
      this.phase = phase;
    });
  }

  /** What is left of everything when nobody writes any more: for comparing two worlds. */
  get summary(): unknown {
    this.#settle();
    const machines = [...this.machines].map(([name, { etcd, postgres, redis }]) => [
      name,
      etcd,
      postgres,
      // Either place of a cache is right.
      redis !== "none",
    ]);
    return { stage: this.stage, phase: this.phase, machines: machines.sort() };
  }

  #blueprint(stage: Stage): Blueprint {
    const of = (phase: number) => this.#blueprints.get(phase)!;
    return "phase" in stage ? of(stage.phase) : transition(of(stage.from), of(stage.to));
  }

  #machine(name: string): Machine {
    const machine = this.machines.get(name);
    if (!machine) throw new Error(`there is no machine ${name}`);
    return machine;
  }

  #primary(): Machine {
    const primaries = [...this.machines.values()].filter(({ postgres }) => postgres === "primary");
    if (primaries.length !== 1) throw new Error(`${primaries.length} primaries`);
    return primaries[0]!;
  }

  #delete(name: string): void {
    const { etcd, postgres, redis } = this.#machine(name);
    if (etcd !== "none") throw new Error(`${name} is deleted while etcd counts on it`);
    if (redis !== "none") throw new Error(`${name} is deleted with a Redis of the cache on it`);
    if (postgres !== "none") throw new Error(`${name} is deleted with a member of the cluster on it`);
    this.machines.delete(name);
  }

  #settle(): void {
    if (this.#moving === null) return;
    const target = this.#machine(this.#moving);
    const old = this.#primary();
    if (old.rows.some((row) => !target.rows.includes(row))) throw new Error("the new primary lacks rows");
    old.postgres = "standby";
    target.postgres = "primary";
    this.#moving = null;
  }

  #write(): void {
    const row = this.acknowledged.length + 1;
    const primary = this.#primary();
    primary.rows.push(row);
    for (const machine of this.machines.values()) if (machine.postgres === "standby") machine.rows.push(row);
    this.acknowledged.push(row);
    if (this.#blueprint({ phase: this.phase }).caches.length === 0) return;
    const cache = this.#cachePrimary();
    const followers = [...this.machines.values()].filter(
      ({ redis, keys }) => redis === "replica" && keys.length === cache.keys.length,
    );
    for (const machine of [cache, ...followers]) machine.keys.push(row);
  }

  async #effect(name: string, act: () => void): Promise<void> {
    await this.killer.effect(name, act);
    this.#write();
  }
}
