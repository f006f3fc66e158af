import { describe, expect, it } from "vitest";
import type { Deployed } from "../../../../infra/changes.ts";
import { type Situation, taskOf } from "../../../../operations/promote/task.ts";
import type { Journal } from "../../../../operations/workflow/journal.ts";
import { Problem } from "../../../../toolchain/problem.ts";

const deployed: Deployed = {
  stack: "acme",
  phase: 1,
  location: "fsn1",
  serverType: "cpx22",
  volumeGb: 20,
  database: "app",
  postgresVersion: 17,
  bucket: { endpoint: "https://fsn1.your-objectstorage.com", name: "acme" },
};

const journal: Journal = {
  version: 1,
  id: "2026-03-01T12-00-00-000Z-0a1b2c3d",
  kind: "promote",
  request: { from: 1, to: 2 },
  startedAt: "2026-03-01T12:00:00.000Z",
  startedBy: "ann@laptop",
  direction: "forward",
  done: ["expand"],
  begun: "join-voter-db-1",
  seconds: { expand: 20 },
};

const situation = (more: Partial<Situation>): Situation => ({
  stack: "acme",
  asked: { to: 2 },
  deployed,
  journal: null,
  by: "bob@desk",
  now: new Date("2026-03-02T08:00:00Z"),
  ...more,
});

function refusal(more: Partial<Situation>): { happened: string; todo: string[]; exitCode: number } {
  try {
    taskOf(situation(more));
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("what promote has to do", () => {
  it("is a new promotion to the next phase", () => {
    const task = taskOf(situation({}));
    expect(task).toMatchObject({ from: 1, to: 2, isNew: true });
    expect(task.journal).toMatchObject({
      startedBy: "bob@desk",
      done: [],
      begun: null,
      request: { from: 1, to: 2 },
    });
    expect(task.journal.id).toMatch(/^2026-03-02T08-00-00-000Z-[0-9a-f]{8}$/);
  });

  it("is going on with one that somebody else began", () => {
    const task = taskOf(situation({ asked: { resume: true }, journal }));
    expect(task).toEqual({ from: 1, to: 2, journal, isNew: false });
  });

  it("is looking at every step again where the journal was lost", () => {
    const asked = { resume: true };
    const task = taskOf(situation({ asked, deployed: { ...deployed, transition: { from: 1, to: 2 } } }));
    expect(task).toMatchObject({ from: 1, to: 2, isNew: false, journal: { done: [] } });
  });

  it("is refused where another one is under way, with both ways out", () => {
    const { exitCode, happened, todo } = refusal({ journal });
    expect(exitCode).toBe(2);
    expect(happened).toBe(
      "A promotion of acme from phase 1 to phase 2 is under way, begun by ann@laptop at 2026-03-01T12:00:00Z; it got to join-voter-db-1.",
    );
    expect(todo).toHaveLength(2);
  });

  it.each([
    [{ asked: { to: 1 } }, "acme is in phase 1 (single) already."],
    [{ asked: { to: 5 } }, "This version cannot build phase 5."],
    [{ asked: {} }, "--to is missing: the phase to go to."],
    [{ asked: { resume: true } }, "No promotion of acme is under way."],
    [{ asked: { resume: true, abort: true }, journal }, "--resume and --abort exclude each other."],
  ])("is refused for %j", (more, happened) => {
    expect(refusal(more)).toMatchObject({ happened, exitCode: 2 });
  });
});
