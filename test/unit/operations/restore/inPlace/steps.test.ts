import { describe, expect, it } from "vitest";
import { inPlaceSteps } from "../../../../../operations/restore/inPlace/steps.ts";
import { begin } from "../../../../../operations/restore/inPlace/task.ts";
import type { Journal } from "../../../../../operations/workflow/journal.ts";
import { runWorkflow, turnedBack } from "../../../../../operations/workflow/run.ts";
import { Killed, Killer } from "../../workflow/killer.ts";
import { MemoryStore } from "../../workflow/memoryStore.ts";
import { SimulatedInPlace } from "./simulated.ts";

const request = {
  cluster: "main",
  machine: "db-1",
  from: { type: "backup" as const, label: "20261121-020000F", repository: 1, target: {}, timeline: "latest" },
  targetText: "the end of the archive",
  keepOld: true,
};
const first = begin(request, "somebody", new Date("2026-11-21T12:00:00Z"));

async function go(world: SimulatedInPlace, store: MemoryStore, journal: Journal, keepOld: boolean) {
  await using held = await store.lock();
  const hooks = {
    onStep: () => {},
    onDone: () => {},
    onAgain: () => {},
    signal: new AbortController().signal,
  };
  const steps = inPlaceSteps({ back: false, keepOld });
  return await runWorkflow({ steps, journal, world, store: held, hooks });
}

/** Runs until it is killed at one place; null where it came to its end before. */
async function killedAt(at: number, keepOld: boolean) {
  const killer = new Killer(at);
  const world = new SimulatedInPlace(killer, keepOld);
  const store = new MemoryStore(killer.effect);
  try {
    await go(world, store, first, keepOld);
    return null;
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
  world.killer = new Killer(null);
  return { world, journal: store.journal };
}

describe.each([true, false])("a restore in place (old data kept: %s)", (keepOld) => {
  it("goes on wherever it was killed, and ends restored, with standby, archive and backup", async () => {
    let places = 0;
    for (; ; places++) {
      const killed = await killedAt(places, keepOld);
      if (!killed) break;
      const { journal, world } = killed;
      if (journal || !world.written) await go(world, new MemoryStore(), journal ?? first, keepOld);
      expect(world.data?.rows).toBe("target");
      expect(world.standby).toEqual(world.data);
      expect(world.running).toEqual({ leader: true, standby: true });
      expect(world.written && world.backups > 0).toBe(true);
      expect(world.old?.rows).toBe(keepOld ? "now" : undefined);
    }
    expect(places).toBeGreaterThan(25);
  });

  it("is taken back wherever it was killed, on a timeline that the archive does not know from elsewhere", async () => {
    let taken = 0;
    for (let at = 0; ; at++) {
      const killed = await killedAt(at, keepOld);
      if (!killed) break;
      const { journal, world } = killed;
      if (!journal) continue;
      const back = turnedBack(journal, inPlaceSteps({ back: false, keepOld }));
      if (!back) {
        expect(keepOld).toBe(false);
        continue;
      }
      taken++;
      expect((await go(world, new MemoryStore(), back, keepOld)).end).toBe("undone");
      expect(world.data?.rows).toBe("now");
      expect(world.standby?.rows).toBe("now");
      expect(world.running).toEqual({ leader: true, standby: true });
      expect(world.old).toBeNull();
    }
    expect(taken).toBeGreaterThan(keepOld ? 20 : 3);
  });
});
