import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LedgerWriter, removeOldSegments } from "../../../../operations/canary/ledger.ts";
import { emptyTally, quantile, tallySchema, withWaits } from "../../../../operations/canary/tally.ts";

const due = Date.parse("2026-11-21T12:00:00Z");

test("a tally counts waits without growing, and keeps the longest", () => {
  let tally = emptyTally(new Date(due));
  for (let round = 0; round < 100; round++)
    tally = withWaits(
      tally,
      Array.from({ length: 100 }, (_, index) => ({
        due: due + index,
        ms: index === 99 ? 2000 + round : 3.2,
      })),
    );
  expect(tally.acknowledged).toBe(10_000);
  expect(Object.keys(tally.waits).length).toBeLessThan(5);
  expect(quantile(tally, 0.99)).toBe(3);
  expect(quantile(tally, 1)).toBe(2100);
  expect(tally.longest.map(({ ms }) => ms)).toEqual([2099, 2098, 2097, 2096, 2095]);
  expect(tallySchema.parse(JSON.parse(JSON.stringify(tally)))).toEqual(tally);
});

test("nothing acknowledged waited for nothing", () => {
  expect(quantile(emptyTally(new Date()), 0.99)).toBe(0);
});

test("segments that the database has swept are removed, younger ones stay", () => {
  const folder = mkdtempSync(join(tmpdir(), "phasewise-ledger-"));
  for (const name of ["1000-1", "5000-1"]) new LedgerWriter(folder, name).close();
  removeOldSegments(folder, new Date(5000));
  expect(readdirSync(folder)).toEqual(["5000-1"]);
});
