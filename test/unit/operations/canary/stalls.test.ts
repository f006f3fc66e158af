import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { LedgerWriter, readLedger, removeLedger } from "../../../../operations/canary/ledger.ts";
import { missingOf, stallsOf } from "../../../../operations/canary/stalls.ts";

describe("what clients waited", () => {
  it("is the worst and the 99th percentile, in whole milliseconds", () => {
    const waits = Array.from({ length: 200 }, (_, index) => ({ due: index * 1000, ms: index + 0.4 }));
    expect(stallsOf(waits)).toMatchObject({ worstMs: 199, p99Ms: 197 });
    expect(stallsOf([{ due: 0, ms: 3.6 }])).toMatchObject({ worstMs: 4, p99Ms: 4 });
    expect(stallsOf([])).toEqual({ worstMs: 0, p99Ms: 0, longest: [] });
  });

  it("tells a stretch once, however many clients it held", () => {
    const held = [0, 20, 40, 60].map((due) => ({ due: 1000 + due, ms: 400 - due }));
    const { longest } = stallsOf([{ due: 0, ms: 5 }, ...held, { due: 3000, ms: 90 }]);
    expect(longest).toEqual([
      { at: new Date(1000), ms: 400 },
      { at: new Date(3000), ms: 90 },
      { at: new Date(0), ms: 5 },
    ]);
  });

  it("misses what was acknowledged and is not there; rows of nobody's acknowledgement are no fault", () => {
    expect(missingOf([1, 2, 3, 9], [2, 3, 4])).toEqual([1, 9]);
    expect(missingOf([], [1])).toEqual([]);
  });
});

describe("the ledger", () => {
  const folder = mkdtempSync(join(tmpdir(), "phasewise-ledger-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("keeps what each process acknowledged, and leaves out a line that was cut off", async () => {
    const writer = new LedgerWriter(folder, "1-10");
    for (const number of [1, 2, 30]) writer.add(number);
    writer.close();
    writeFileSync(join(folder, "2-11"), "4\n5\n6");
    expect(await readLedger(folder)).toEqual([
      { name: "1-10", acknowledged: [1, 2, 30] },
      { name: "2-11", acknowledged: [4, 5] },
    ]);
    await removeLedger(folder);
    expect(await readLedger(folder)).toEqual([]);
  });
});
