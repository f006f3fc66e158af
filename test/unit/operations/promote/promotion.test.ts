import { describe, expect, it } from "vitest";
import { availablePhases, blueprintOf } from "../../../../infra/phases/available.ts";
import { promotionSteps } from "../../../../operations/promote/steps/all.ts";
import type { Journal } from "../../../../operations/workflow/journal.ts";
import { runWorkflow, turnedBack } from "../../../../operations/workflow/run.ts";
import { config } from "../../infra/settings.ts";
import { Killed, Killer } from "../workflow/killer.ts";
import { MemoryStore } from "../workflow/memoryStore.ts";
import { SimulatedWorld } from "./simulated.ts";

const blueprints = availablePhases.map((phase) =>
  blueprintOf({ ...config({ "phasewise:redis": { enabled: true } }), phase }),
);
const ways = availablePhases.flatMap((from) =>
  availablePhases.filter((to) => Math.abs(from - to) === 1).map((to) => [from, to] as const),
);

const begin: Journal = {
  version: 1,
  id: "1",
  kind: "promote",
  request: {},
  startedAt: "2026-01-01T00:00:00Z",
  startedBy: "somebody",
  direction: "forward",
  done: [],
  begun: null,
  seconds: {},
};

const stepsOf = (from: number, to: number) => {
  const of = (phase: number) => blueprints.find((each) => each.phase === phase)!;
  return promotionSteps(of(from), of(to));
};

async function go(world: SimulatedWorld, from: number, to: number, store: MemoryStore, journal: Journal) {
  await using held = await store.lock();
  const hooks = {
    onStep: () => {},
    onDone: () => {},
    onAgain: () => {},
    signal: new AbortController().signal,
  };
  return await runWorkflow({ steps: stepsOf(from, to), journal, world, store: held, hooks });
}

/** Runs until it ends or is killed at one place, then goes on without another kill. */
async function killedAt(from: number, to: number, at: number): Promise<SimulatedWorld | null> {
  const killer = new Killer(at);
  const world = new SimulatedWorld(blueprints, from, killer);
  const store = new MemoryStore(killer.effect);
  try {
    await go(world, from, to, store, begin);
    return null;
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
  world.killer = new Killer(null);
  const again = new MemoryStore();
  again.journal = store.journal;
  if (again.journal || (await world.filePhase()) !== to) {
    await go(world, from, to, again, again.journal ?? begin);
  }
  return world;
}

describe.each(ways)("a promotion from phase %i to %i", (from, to) => {
  it("has these steps", async () => {
    const lines = stepsOf(from, to).map(({ name, title, final }) => `${final ? "!" : " "} ${name}: ${title}`);
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`golden/steps-${from}-${to}.txt`);
  });

  it("ends with the new phase and every row that was acknowledged, wherever it was killed", async () => {
    const whole = new SimulatedWorld(blueprints, from, new Killer(null));
    expect((await go(whole, from, to, new MemoryStore(), begin)).end).toBe("done");
    await whole.confirm();
    let places = 0;
    for (; ; places++) {
      const world = await killedAt(from, to, places);
      if (!world) break;
      await world.confirm();
      await world.verify();
      expect(world.summary).toEqual(whole.summary);
    }
    expect(places).toBeGreaterThan(30);
  });

  it("is taken back from wherever it was killed, as long as nothing was deleted", async () => {
    const untouched = new SimulatedWorld(blueprints, from, new Killer(null)).summary;
    for (let at = 0; ; at++) {
      const killer = new Killer(at);
      const world = new SimulatedWorld(blueprints, from, killer);
      const store = new MemoryStore(killer.effect);
      const ended = await go(world, from, to, store, begin).then(
        () => true,
        (error) => {
          if (!(error instanceof Killed)) throw error;
          return false;
        },
      );
      if (ended) break;
      world.killer = new Killer(null);
      const back = store.journal && turnedBack(store.journal, stepsOf(from, to));
      if (!back) continue;
      expect((await go(world, from, to, new MemoryStore(), back)).end).toBe("undone");
      await world.confirm();
      expect(world.summary).toEqual(untouched);
    }
  });
});
