import { expect, it } from "vitest";
import type { PromotionRecord } from "../../../../operations/promote/record.ts";
import {
  type PromotionReport,
  recordText,
  reportText,
  resultOf,
  withSteps,
} from "../../../../operations/promote/report.ts";

const report: PromotionReport = {
  id: "2026-03-01T12-00-00-000Z-0a1b2c3d",
  stack: "production",
  from: 1,
  to: 2,
  outcome: "done",
  seconds: 41.3,
  steps: [
    { name: "expand", seconds: 14.1 },
    { name: "cut-over", seconds: 6.2 },
  ],
  price: { before: 27.62, after: 69.88 },
  cutovers: [
    { drainMs: 20, stopMs: 60, catchUpMs: 50, promoteMs: 80, resumeMs: 10, heldMs: 220, firstMs: 9 },
  ],
  canary: withSteps(
    {
      acknowledged: 2065,
      missing: 0,
      errors: 0,
      worstStallMs: 231,
      p99StallMs: 12,
      reads: 400,
      samples: [],
      stalls: [{ at: new Date("2026-03-01T12:00:30Z"), ms: 231 }],
    },
    [
      { name: "expand", at: new Date("2026-03-01T12:00:01Z") },
      { name: "cut-over", at: new Date("2026-03-01T12:00:29Z") },
      { name: "confirm", at: new Date("2026-03-01T12:00:36Z") },
    ],
  ),
};

const record: PromotionRecord = {
  ...report,
  at: "2026-03-01T12:00:00.000Z",
  by: "alice@laptop",
  problem: null,
};

it("scripts get exactly what they were promised", () => {
  expect(resultOf(report)).toStrictEqual({
    from: 1,
    to: 2,
    seconds: 41.3,
    steps: report.steps,
    price: { before: 27.62, after: 69.88 },
    canary: { acknowledged: 2065, missing: 0, errors: 0, worstStallMs: 231, p99StallMs: 12 },
  });
});

it("people get a summary", () => {
  expect(reportText(report).split("\n")).toEqual([
    "production is in phase 2 after 41.3 s.",
    "  rows     2065 acknowledged, 0 missing",
    "  clients  0 errors; 99 % of their waits within 12 ms, the longest 231 ms",
    "  held     220 ms while the primary moved",
    "  price    EUR 27.62 -> 69.88 a month",
    "  wait     231 ms during cut-over",
  ]);
});

it("the record of a run that failed says what it ended with", () => {
  const failed = { ...record, outcome: "failed", problem: "db-2 does not become a standby.", canary: null };
  expect(recordText(failed as PromotionRecord).split("\n")).toEqual([
    "production: phase 1 -> 2, failed after 41.3 s",
    "  begun    2026-03-01 12:00:00 UTC by alice@laptop",
    "  problem  db-2 does not become a standby.",
    "  rows     not known: the canary could not be asked any more",
    "  held     220 ms while the primary moved",
    "  price    EUR 27.62 -> 69.88 a month",
    "  step     expand: 14.1 s",
    "  step     cut-over: 6.2 s",
  ]);
});
