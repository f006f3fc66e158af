import { expect, test } from "vitest";
import type { World } from "../../../operations/verify/check.ts";
import { archiveGap, judge } from "../../../operations/verify/checks/archiveGap.ts";

const second = (text: string) => new Date(text).getTime() / 1000;
const now = new Date("2026-11-21T12:00:00Z");
const none = { open: [], past: [] };

test("without a gap any moment can be restored", () => {
  expect(judge("main", [none, none], now, "dev")).toEqual({
    ok: true,
    detail: "main: any moment since the oldest backup",
  });
});

test("an open gap, on whichever member it is", () => {
  const open = [{ from: second("2026-11-21T09:30:00Z"), segments: 5, repository: 1 }];
  expect(judge("main", [none, { open, past: [] }], now, "dev")).toMatchObject({
    ok: false,
    detail:
      "main: log was given up; no time from 2026-11-21T09:30:00Z until the next full backup can be restored",
  });
});

test("one that ended is told for seven days", () => {
  const past = [
    {
      from: second("2026-11-13T09:00:00Z"),
      to: second("2026-11-13T10:00:00Z"),
      backup: "a",
      segments: 1,
      repository: 1,
    },
    {
      from: second("2026-11-20T09:00:00Z"),
      to: second("2026-11-20T10:00:00Z"),
      backup: "b",
      segments: 1,
      repository: 1,
    },
  ];
  expect(judge("main", [{ open: [], past }], now, "dev")).toEqual({
    ok: true,
    detail:
      "main: any moment since the oldest backup, but none between 2026-11-20T09:00:00Z and 2026-11-20T10:00:00Z",
  });
});

test("of two repositories it is told which one, and that the other has all of it", () => {
  const open = [{ from: second("2026-11-21T09:30:00Z"), segments: 5, repository: 2 }];
  expect(judge("main", [{ open, past: [] }], now, "dev", 2)).toMatchObject({
    ok: false,
    detail:
      "main: log was given up in repository 2; no time from 2026-11-21T09:30:00Z until the next full backup can be restored from there; the other repository has all of it",
  });
  const both = [...open, { ...open[0]!, repository: 1 }];
  expect(judge("main", [{ open: both, past: [] }], now, "dev", 2).detail).not.toContain("the other");
});

test("a member that is away keeps nobody from hearing of the others' gap", async () => {
  const open = [{ from: second("2026-11-21T09:30:00Z"), segments: 5, repository: 2 }];
  const world = {
    topology: {
      stack: "dev",
      buckets: [{}, {}],
      machines: [{ name: "db-1" }, { name: "db-2" }, { name: "core-1" }],
      clusters: [{ name: "main", members: ["db-1", "db-2"] }],
    },
    now,
    run: async ({ name }: { name: string }) => {
      if (name !== "db-1") throw new Error("no route to it\nNothing was changed on it.");
      return JSON.stringify({ open, past: [] });
    },
  } as unknown as World;
  expect(await archiveGap.run(world)).toMatchObject({
    ok: false,
    detail:
      "main: log was given up in repository 2; no time from 2026-11-21T09:30:00Z until the next full backup can be restored from there; the other repository has all of it; main: db-2 was not asked: no route to it",
  });
  const whole = { ...world, run: async () => JSON.stringify(none) } as World;
  expect((await archiveGap.run(whole)).ok).toBe(true);
});
