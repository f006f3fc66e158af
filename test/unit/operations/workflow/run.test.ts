import { describe, expect, it } from "vitest";
import { TurnedBack } from "../../../../operations/workflow/again.ts";
import type { Journal } from "../../../../operations/workflow/journal.ts";
import { type RunHooks, runWorkflow, turnedBack } from "../../../../operations/workflow/run.ts";
import type { Step } from "../../../../operations/workflow/step.ts";
import { Killed, Killer } from "./killer.ts";
import { MemoryStore } from "./memoryStore.ts";

/** A world of switches; each act turns one on, in two effects. */
class Switches {
  readonly on = new Set<string>();
  readonly half = new Set<string>();
  killer: Killer;
  constructor(killer: Killer) {
    this.killer = killer;
  }
  async turn(name: string): Promise<void> {
    await this.killer.effect(`half ${name}`, () => void this.half.add(name));
    await this.killer.effect(name, () => void this.on.add(name));
  }
  async undo(name: string): Promise<void> {
    await this.killer.effect(`off ${name}`, () => void this.on.delete(name));
    await this.killer.effect(`none ${name}`, () => void this.half.delete(name));
  }
}

const step = (name: string, more: Partial<Step<Switches>> = {}): Step<Switches> => ({
  name,
  title: `turn on ${name}`,
  probe: async (world) => world.on.has(name),
  act: (world) => world.turn(name),
  undo: (world) => world.undo(name),
  ...more,
});

const steps = [step("a"), step("b"), step("c", { final: true })];

const begin: Journal = {
  version: 1,
  id: "1",
  kind: "test",
  request: {},
  startedAt: "2026-01-01T00:00:00Z",
  startedBy: "somebody",
  direction: "forward",
  done: [],
  begun: null,
  seconds: {},
};

const hooks = (more: Partial<RunHooks> = {}): RunHooks => ({
  onStep: () => {},
  onDone: () => {},
  onAgain: () => {},
  signal: new AbortController().signal,
  now: () => 0,
  ...more,
});

async function go(world: Switches, store: MemoryStore, journal: Journal, more: Partial<RunHooks> = {}) {
  await using held = await store.lock();
  return await runWorkflow({ steps, journal, world, store: held, hooks: hooks(more) });
}

describe("a workflow", () => {
  it("does its steps in order and leaves no journal", async () => {
    const world = new Switches(new Killer(null));
    const store = new MemoryStore();
    const lines: string[] = [];
    const { end, journal } = await go(world, store, begin, {
      onStep: ({ title }, doing, { at, of }) => lines.push(`${doing} ${title} (${at}/${of})`),
    });
    expect(end).toBe("done");
    expect([...world.on]).toEqual(["a", "b", "c"]);
    expect(journal.done).toEqual(["a", "b", "c"]);
    expect(store.journal).toBeNull();
    expect(lines).toEqual(["act turn on a (1/3)", "act turn on b (2/3)", "act turn on c (3/3)"]);
  });

  it("is gone on with after a kill at every place, and ends as one that was not killed", async () => {
    const whole = new Killer(null);
    await go(new Switches(whole), new MemoryStore(whole.effect), begin);
    expect(whole.places).toBe(26);
    for (let at = 0; at < whole.places; at++) {
      const killer = new Killer(at);
      const world = new Switches(killer);
      const store = new MemoryStore(killer.effect);
      await expect(go(world, store, begin)).rejects.toThrow(Killed);
      world.killer = new Killer(null);
      const again = new MemoryStore(world.killer.effect);
      again.journal = store.journal;
      // Killed after the journal was cleared: nothing is left to go on with.
      if (again.journal || world.on.size < 3) await go(world, again, again.journal ?? begin);
      expect([...world.on]).toEqual(["a", "b", "c"]);
      expect(again.journal).toBeNull();
    }
  });

  it("is taken back from every place before a final step, killed at every place on the way", async () => {
    for (let at = 0; at < 18; at++) {
      const killer = new Killer(at);
      const world = new Switches(killer);
      const store = new MemoryStore(killer.effect);
      await expect(go(world, store, begin)).rejects.toThrow(Killed);
      const back = store.journal && turnedBack(store.journal, steps);
      if (!back) {
        expect(store.journal === null || store.journal.begun === "c").toBe(true);
        continue;
      }
      for (let second = 0; ; second++) {
        const copy = new Switches(new Killer(second));
        for (const name of world.on) copy.on.add(name);
        for (const name of world.half) copy.half.add(name);
        const half = new MemoryStore(copy.killer.effect);
        half.journal = back;
        const killed = await go(copy, half, back).then(
          () => false,
          () => true,
        );
        copy.killer = new Killer(null);
        if (half.journal) await go(copy, new MemoryStore(), half.journal);
        expect([...copy.on, ...copy.half]).toEqual([]);
        if (!killed) break;
      }
    }
  });

  it("cannot be taken back once a final step has begun", () => {
    expect(turnedBack({ ...begin, done: ["a", "b"], begun: "c" }, steps)).toBeNull();
    expect(turnedBack({ ...begin, done: ["a", "b"] }, steps)?.direction).toBe("back");
  });

  it("stops before a step where it is asked to, and keeps what an error left", async () => {
    const world = new Switches(new Killer(null));
    const store = new MemoryStore();
    const first = await go(world, store, begin, { stopBefore: (name) => name === "b" });
    expect(first.end).toEqual({ stoppedBefore: "b" });
    expect(store.journal?.done).toEqual(["a"]);
    const failing = [steps[0]!, step("b", { act: () => Promise.reject(new Error("no")) })];
    await using held = await store.lock();
    const run = runWorkflow({ steps: failing, journal: store.journal!, world, store: held, hooks: hooks() });
    await expect(run).rejects.toThrow("no");
    expect(store.journal).toMatchObject({ done: ["a"], begun: "b" });
  });

  it("finishes the running step when it is interrupted, and begins no other", async () => {
    const stop = new AbortController();
    const world = new Switches(new Killer(null));
    const store = new MemoryStore();
    const { end } = await go(world, store, begin, { onStep: () => stop.abort(), signal: stop.signal });
    expect(end).toBe("interrupted");
    expect(store.journal?.done).toEqual(["a"]);
  });

  it("skips what holds already, and says so", async () => {
    const world = new Switches(new Killer(null));
    world.on.add("a");
    const skipped: string[] = [];
    await go(world, new MemoryStore(), begin, {
      onDone: ({ name }, _, skip) => {
        if (skip) skipped.push(name);
      },
    });
    expect(skipped).toEqual(["a"]);
  });
});

describe("a step that is turned back", () => {
  const busy = (times: number) => {
    let left = times;
    return step("a", {
      act: async (world) => {
        if (left-- > 0) throw new TurnedBack({ happened: "Busy.", left: "Nothing was changed." });
        await world.turn("a");
      },
    });
  };
  const run = async (first: Step<Switches>, store: MemoryStore, more: Partial<RunHooks>) => {
    await using held = await store.lock();
    const world = new Switches(new Killer(null));
    return await runWorkflow({
      steps: [first, ...steps.slice(1)],
      journal: begin,
      world,
      store: held,
      hooks: hooks(more),
    });
  };

  it("is tried again, after pauses", async () => {
    const lines: string[] = [];
    const onAgain = (line: string) => void lines.push(line);
    const { end } = await run(busy(2), new MemoryStore(), { onAgain, pauses: [10, 1] });
    expect(end).toBe("done");
    expect(lines).toEqual([
      "  Busy. Clients go on meanwhile; trying again in 0.01 s, up to 2 times ...",
      "  Busy. Clients go on meanwhile; trying again in 0.001 s, one last time ...",
    ]);
  });

  it("fails after its last try, and is gone on with by its journal", async () => {
    const store = new MemoryStore();
    await expect(run(busy(2), store, { pauses: [1] })).rejects.toThrow("Busy. It was tried 2 times.");
    expect(store.journal).toMatchObject({ begun: "a", done: [] });
  });

  it("is not tried again after Ctrl-C, in a pause or before it", async () => {
    for (const before of [true, false]) {
      const interrupt = new AbortController();
      const store = new MemoryStore();
      const first = busy(1);
      const act = first.act;
      first.act = (world) => {
        if (before) interrupt.abort();
        return act(world);
      };
      const onAgain = () => {
        expect(before).toBe(false);
        interrupt.abort();
      };
      const running = run(first, store, { onAgain, signal: interrupt.signal, pauses: [60_000] });
      await expect(running).rejects.toMatchObject({
        happened: "Interrupted.",
        details: ["Busy."],
        left: "Nothing was changed.",
        exitCode: 130,
      });
      expect(store.journal).toMatchObject({ begun: "a", done: [] });
    }
  });

  it("is not tried again where it failed in any other way", async () => {
    let tries = 0;
    const act = async () => {
      tries++;
      throw new Error("broken");
    };
    await expect(run(step("a", { act }), new MemoryStore(), { pauses: [1] })).rejects.toThrow("broken");
    expect(tries).toBe(1);
  });
});
