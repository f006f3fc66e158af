import { describe, expect, it } from "vitest";
import { interruption, told } from "../../../../operations/promote/failure.ts";
import type { PromotionPlan } from "../../../../operations/promote/plan.ts";
import type { Journal } from "../../../../operations/workflow/journal.ts";
import { Problem } from "../../../../toolchain/problem.ts";

const plan = {
  stack: "production",
  steps: [
    { name: "expand", title: "", final: false },
    { name: "contract", title: "", final: true },
  ],
} as PromotionPlan;
const at = (begun: string) => ({ done: [], begun }) as unknown as Journal;
const canary = { acknowledged: 900, missing: 0, errors: 2 };

const shown = ({ details, exitCode, happened, left, todo }: Problem) => ({
  happened,
  details,
  left,
  todo,
  exitCode,
});

describe("a promotion that failed", () => {
  it("says how far clients were hurt, and both ways on", () => {
    const error = new Error("db-2 does not become a standby: starting\nFATAL: disk full");
    expect(shown(told(error, { plan, journal: at("expand"), canary }))).toEqual({
      happened: "db-2 does not become a standby: starting",
      details: ["FATAL: disk full", "canary: 900 rows acknowledged, 0 missing, 2 errors"],
      left: "What was finished is recorded; clients go on.",
      todo: [
        "npx phasewise promote production --resume   goes on, once the cause is gone",
        "npx phasewise promote production --abort    takes it back",
      ],
      exitCode: 1,
    });
  });

  it("has one way on only, once something was deleted", () => {
    const { todo } = told(new Error("broken"), { plan, journal: at("contract"), canary: null });
    expect(todo).toEqual(["npx phasewise promote production --resume   goes on, once the cause is gone"]);
  });

  it("says what is to be done about a limit of Hetzner's, and drops the advice for another command", () => {
    const error = new Problem({
      happened:
        "Server phasewise-db-1 could not be created: server limit exceeded (resource_limit_exceeded, 4711)",
      left: "3 resources were finished before and are recorded; nothing else was begun.",
      todo: ["Remove the cause, then run `npx phasewise up production` again: it goes on where it stopped."],
    });
    const problem = told(error, { plan, journal: at("expand"), canary });
    expect(problem.left).toBe("3 resources were finished before and are recorded; nothing else was begun.");
    expect(problem.todo).toEqual([
      "Have the limit of the project raised in Hetzner's console (Limits); nothing is lost until then.",
      "npx phasewise promote production --resume   goes on, once the cause is gone",
      "npx phasewise promote production --abort    takes it back",
    ]);
  });

  it("was only interrupted where somebody pressed Ctrl-C, whatever the step threw", () => {
    const problem = told(interruption(new Error("aborted")), { plan, journal: at("expand"), canary });
    expect(shown(problem)).toEqual({
      happened: "Interrupted.",
      details: ["canary: 900 rows acknowledged, 0 missing, 2 errors"],
      left: "What was finished is recorded; the step at work may have happened in part.",
      todo: [
        "npx phasewise promote production --resume   goes on",
        "npx phasewise promote production --abort    takes it back",
      ],
      exitCode: 130,
    });
  });
});
