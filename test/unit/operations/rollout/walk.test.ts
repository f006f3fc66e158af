import { expect, test } from "vitest";
import { rolloutSteps } from "../../../../operations/rollout/steps.ts";
import type { MachineWork } from "../../../../operations/rollout/work.ts";
import type { RolloutWorld } from "../../../../operations/rollout/world.ts";
import { TurnedBack } from "../../../../operations/workflow/again.ts";
import type { Journal } from "../../../../operations/workflow/journal.ts";
import { type RunHooks, runWorkflow } from "../../../../operations/workflow/run.ts";
import { Killed, Killer } from "../workflow/killer.ts";
import { MemoryStore } from "../workflow/memoryStore.ts";

const members = ["db-1", "db-2", "db-3"];
const gateways = ["core-1", "core-2"];

/** Two gateways and three members in memory; whatever hurts a client throws, and is not forgiven. */
class Simulated implements RolloutWorld {
  killer: Killer;
  leader = "db-1";
  /** So many moves of the primary are turned back, as by clients' transactions. */
  busy = 0;
  moves = 0;
  /** Where the cache's primary is. */
  cache = "core-2";
  readonly drained = new Set<string>();
  readonly updated = new Set<string>();
  readonly restarted = new Set<string>();
  readonly rebooted = new Set<string>();

  constructor(killer: Killer) {
    this.killer = killer;
  }

  async leads(machine: string): Promise<boolean> {
    return this.leader === machine;
  }
  async vacate(machine: string): Promise<void> {
    if (this.leader !== machine) return;
    this.moves++;
    if (this.busy-- > 0) throw new TurnedBack({ happened: "A transaction did not end within 0.5 s." });
    const to = members.find((name) => name !== machine && !this.drained.has(name))!;
    await this.killer.effect(`move to ${to}`, () => {
      this.leader = to;
      // The old primary was stopped and started on the way.
      this.restarted.add(machine);
    });
  }
  async drain(machine: string): Promise<void> {
    if (this.drained.has(machine)) return;
    if (this.drained.size > 0) throw new Error(`${[...this.drained]} is away already`);
    if (this.cache === machine) {
      const to = gateways.find((name) => name !== machine)!;
      await this.killer.effect(`move the cache to ${to}`, () => {
        this.cache = to;
      });
    }
    await this.killer.effect(`drain ${machine}`, () => this.drained.add(machine));
  }
  async undrain(machine: string): Promise<void> {
    await this.killer.effect(`undrain ${machine}`, () => this.drained.delete(machine));
  }
  async isUpdated({ machine }: MachineWork): Promise<boolean> {
    return this.updated.has(machine);
  }
  async update({ machine }: MachineWork): Promise<void> {
    this.#mayGo(machine);
    await this.killer.effect(`update ${machine}`, () => {
      this.updated.add(machine);
      this.restarted.delete(machine);
    });
  }
  async waiting({ machine }: MachineWork): Promise<string[]> {
    return this.restarted.has(machine) ? [] : ["PostgreSQL"];
  }
  async restart(machine: string): Promise<void> {
    this.#mayGo(machine);
    await this.killer.effect(`restart ${machine}`, () => this.restarted.add(machine));
  }
  async hasRebooted({ machine }: MachineWork): Promise<boolean> {
    return this.rebooted.has(machine);
  }
  async reboot(machine: string): Promise<void> {
    this.#mayGo(machine);
    if (this.rebooted.has(machine)) throw new Error(`${machine} reboots twice`);
    await this.killer.effect(`reboot ${machine}`, () => {
      this.rebooted.add(machine);
      // Its closed ports are forgotten; others' knowledge of it is not.
      if (gateways.includes(machine)) this.drained.delete(machine);
    });
  }
  async settle(): Promise<void> {
    if (this.drained.size > 0) throw new Error(`${[...this.drained]} serves nobody`);
  }
  async restartInPlace(): Promise<void> {}
  async stillWaits(): Promise<boolean> {
    return false;
  }

  #mayGo(machine: string): void {
    if (this.leader === machine) throw new Error(`${machine} is the primary`);
    if (this.cache === machine) throw new Error(`${machine} has the cache's primary`);
    if (!this.drained.has(machine)) throw new Error(`${machine} serves clients`);
  }
}

const work = (machine: string, more: Partial<MachineWork>): MachineWork => ({
  machine,
  since: 0,
  bootId: "",
  security: [],
  packages: [],
  restarts: [],
  reboot: null,
  ...more,
});
const packages = [{ name: "postgresql-17", from: "1", to: "2" }];
const restarts = [{ what: "PostgreSQL", reason: "" }];
const all = [
  ...gateways.map((name) => work(name, { reboot: "asked for" })),
  work("db-2", { packages, restarts }),
  work("db-3", { reboot: "asked for" }),
  work("db-1", { packages, restarts }),
];
const steps = rolloutSteps(all, (machine) => ({ replicated: members.includes(machine), drained: true }));

const begin: Journal = {
  version: 1,
  id: "1",
  kind: "rollout",
  request: {},
  startedAt: "2026-01-01T00:00:00Z",
  startedBy: "somebody",
  direction: "forward",
  done: [],
  begun: null,
  seconds: {},
};

async function go(world: Simulated, store: MemoryStore, journal: Journal, more: Partial<RunHooks> = {}) {
  await using held = await store.lock();
  const hooks = {
    onStep: () => {},
    onDone: () => {},
    onAgain: () => {},
    signal: new AbortController().signal,
    ...more,
  };
  return await runWorkflow({ steps, journal, world, store: held, hooks });
}

function expectDone(world: Simulated): void {
  expect([...world.rebooted].sort()).toEqual(["core-1", "core-2", "db-3"]);
  expect([...world.updated].sort()).toEqual(["db-1", "db-2"]);
  expect(world.restarted).toContain("db-1");
  expect(world.restarted).toContain("db-2");
  expect([...world.drained]).toEqual([]);
  expect(world.leader).not.toBe("db-1");
}

test("killed at every place, and gone on with at once or after its drain has ended by itself", async () => {
  const whole = new Killer(null);
  const unkilled = new Simulated(whole);
  await go(unkilled, new MemoryStore(whole.effect), begin);
  expectDone(unkilled);
  expect(whole.places).toBeGreaterThan(50);
  for (let at = 0; at < whole.places; at++) {
    for (const late of [false, true]) {
      const killer = new Killer(at);
      const world = new Simulated(killer);
      const store = new MemoryStore(killer.effect);
      await expect(go(world, store, begin), `killed at ${at}`).rejects.toThrow(Killed);
      if (late) for (const gateway of gateways) world.drained.delete(gateway);
      world.killer = new Killer(null);
      const again = new MemoryStore();
      again.journal = store.journal;
      // The last effect of all is that the journal goes: then nothing is left to go on with.
      if (again.journal !== null || at < 2) await go(world, again, again.journal ?? begin);
      expectDone(world);
    }
  }
});

test("a move of the primary that is turned back is tried again, and told", async () => {
  const world = new Simulated(new Killer(null));
  world.busy = 2;
  const lines: string[] = [];
  const store = new MemoryStore();
  await go(world, store, begin, { pauses: [1, 2, 4], onAgain: (line) => void lines.push(line) });
  expectDone(world);
  expect(world.moves).toBe(3);
  expect(lines).toEqual([
    "  A transaction did not end within 0.5 s. Clients go on meanwhile; trying again in 0.001 s, up to 3 times ...",
    "  A transaction did not end within 0.5 s. Clients go on meanwhile; trying again in 0.002 s, up to 2 times ...",
  ]);
});

test("a move that is turned back every time stops the rollout before anything is drained, to be gone on with", async () => {
  const world = new Simulated(new Killer(null));
  world.busy = 4;
  const store = new MemoryStore();
  const turnedBack = go(world, store, begin, { pauses: [1, 2, 4] });
  await expect(turnedBack).rejects.toThrow("A transaction did not end within 0.5 s. It was tried 4 times.");
  expect(store.journal?.begun).toBe("vacate-db-1");
  expect(world.leader).toBe("db-1");
  expect([...world.drained]).toEqual([]);
  await go(world, store, store.journal!);
  expectDone(world);
});
