import { expect, test } from "vitest";
import { archivedAt, clockWarning, segmentsAt } from "../../../../operations/restore/clock.ts";
import { reachedIn, stoppedBefore } from "../../../../operations/restore/reached.ts";
import { judgeClock } from "../../../../operations/verify/checks/clocks.ts";

const words = [
  "LOG:  recovery stopping before commit of transaction 761, time 2026-11-21 11:30:00.5+00",
  "LOG:  redo done at 1/FF0000A8 system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.61 s",
  "LOG:  last completed transaction was at log time 2026-11-21 09:29:59.125+00",
].join("\n");

test("what PostgreSQL says at the end of a replay", () => {
  expect(reachedIn(words)).toEqual({ time: "2026-11-21T09:29:59.125Z", lsn: "1/FF0000A8" });
  expect(stoppedBefore(words)).toBe("2026-11-21T11:30:00.500Z");
  expect(stoppedBefore("LOG:  redo done at 0/3000148")).toBeNull();
});

test("a place is in its segment or, with its next record, in the one after it", () => {
  expect(segmentsAt("0/3000148")).toEqual([
    { log: "00000000", segment: "00000003" },
    { log: "00000000", segment: "00000004" },
  ]);
  expect(segmentsAt("1/FF0000A8")).toEqual([
    { log: "00000001", segment: "000000FF" },
    { log: "00000002", segment: "00000000" },
  ]);
});

test("a segment that a restored database archived once more is not taken for the one that was replayed", async () => {
  const folder = "postgresql/archive/main/17-1/";
  const objects = {
    [`${folder}0000000100000000/000000010000000000000003-a.lz4`]: "2026-11-21T09:31:00Z",
    [`${folder}0000000200000000/000000020000000000000003-b.lz4`]: "2026-11-21T15:00:00Z",
  };
  const store = {
    folders: async () => ["0000000100000000", "0000000200000000"],
    entries: async (prefix: string) =>
      Object.entries(objects)
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, at]) => ({ key, bytes: 1, modified: new Date(at) })),
  };
  const cluster = { backupStanza: "main", postgresVersion: 17 as const };
  const at = async (timeline?: number) =>
    (await archivedAt(store, cluster, { lsn: "0/3000148", timeline }))?.toISOString() ?? null;
  expect(await at(1)).toBe("2026-11-21T09:31:00.000Z");
  expect(await at()).toBe("2026-11-21T15:00:00.000Z");
  expect(await at(3)).toBeNull();
});

test("a transaction that was archived before the time that it carries tells of a clock that was ahead", () => {
  const stopped = "2026-11-21T11:30:00.500Z";
  expect(clockWarning(stopped, new Date("2026-11-21T11:31:00Z"))).toBeNull();
  expect(clockWarning(stopped, new Date("2026-11-21T11:29:30Z"))).toBeNull();
  expect(clockWarning(stopped, null)).toBeNull();
  expect(clockWarning(stopped, new Date("2026-11-21T09:31:00Z"))).toBe(
    "the primary's clock was ahead: the first transaction that was left out carries 2026-11-21T11:30:00.500Z, and was in " +
      "the archive at 2026-11-21T09:31:00.000Z already. Later ones may be missing that were committed in time: restore " +
      "to a place in the log, a restore point or latest instead",
  );
});

test("a machine's clock may be anywhere between question and answer", () => {
  const judged = (...told: number[]) => judgeClock("db-1", told, [1000, 1030], "dev");
  expect(judged(1000.5, 1029)).toEqual({ ok: true, detail: "db-1 goes right" });
  expect(judged(996, 1034)).toMatchObject({ ok: true });
  expect(judged(1010, 8230)).toMatchObject({
    ok: false,
    detail: "db-1 is 7200 s ahead of the clock here",
    fix: expect.stringContaining("npx phasewise ssh dev db-1 -- timedatectl"),
  });
  expect(judged(400)).toMatchObject({ ok: false, detail: "db-1 is 600 s behind the clock here" });
});
