import { hostname } from "node:os";
import { describe, expect, test } from "vitest";
import { compareLsn } from "../../../../operations/restore/lsn.ts";
import { chooseBackup, neededBytes, parseRepository } from "../../../../operations/restore/repository.ts";
import { isLeft } from "../../../../operations/restore/scratchServer.ts";
import { parseTarget, requireName, restoreOptions } from "../../../../operations/restore/target.ts";
import { Problem } from "../../../../toolchain/problem.ts";

describe("a target", () => {
  test.each([
    ["latest", { type: "latest" }],
    ["2026-11-21T09:30:00Z", { type: "time", time: new Date("2026-11-21T09:30:00Z") }],
    ["2026-11-21 09:30", { type: "time", time: new Date("2026-11-21T09:30:00Z") }],
    ["2026-11-21T09:30:00.5+0200", { type: "time", time: new Date("2026-11-21T07:30:00.500Z") }],
    ["a/3000148", { type: "lsn", lsn: "A/3000148" }],
    ["before-migration_4.2", { type: "name", name: "before-migration_4.2" }],
  ])("%s", (text, target) => expect(parseTarget(text)).toEqual(target));

  test.each(["", "a b", "2026-11-21", "2026-13-41T00:00", "0/", "x'y", "-x"])("%j is none", (text) => {
    expect(() => parseTarget(text)).toThrow(`"${text}" is no place that a database can be restored to.`);
  });

  test.each(["latest", "2026-11-21", "a b", "'; drop"])("a restore point is not called %j", (name) => {
    expect(() => requireName(name)).toThrow(Problem);
  });

  test("becomes options of pgBackRest, times in UTC", () => {
    expect(restoreOptions({ type: "latest" }, null)).toEqual([]);
    expect(restoreOptions(parseTarget("2026-11-21T10:30:00+01:00"), "20261121-020000F")).toEqual([
      "--set=20261121-020000F",
      "--type=time",
      "--target=2026-11-21 09:30:00.000+00",
      "--target-action=promote",
    ]);
  });
});

describe("the backup to begin with", () => {
  const second = (text: string) => Date.parse(text) / 1000;
  const backup = (label: string, stop: string, lsn: string, more = {}) => ({
    label,
    timestamp: { start: 0, stop: second(stop) },
    lsn: { start: "0/1", stop: lsn },
    info: { size: 1e9 },
    ...more,
  });
  const repository = parseRepository(
    JSON.stringify([
      {
        name: "main",
        backup: [
          backup("new", "2026-11-21T02:00:00Z", "0/9000000"),
          backup("damaged", "2026-11-21T03:00:00Z", "0/9900000", { error: true }),
          backup("old", "2026-11-20T02:00:00Z", "0/2000000"),
        ],
      },
    ]),
    "main",
  );
  const now = new Date("2026-11-21T12:00:00Z");
  const points = [{ name: "before", time: new Date("2026-11-20T12:00:00Z"), lsn: "0/5000000" }];
  const chosen = (text: string) => chooseBackup(repository, parseTarget(text), points, now).label;

  test.each([
    ["latest", "new"],
    ["2026-11-21T02:00:00Z", "new"],
    ["2026-11-21T01:59:59Z", "old"],
    ["0/8FFFFFF", "old"],
    ["1/0", "new"],
    ["before", "old"],
  ])("for %s is the newest that was finished before it: %s", (text, label) => {
    expect(chosen(text)).toBe(label);
  });

  test.each([
    ["2026-11-19T00:00:00Z", /it is before the oldest backup\./],
    ["0/1000000", /it is before the oldest backup\./],
    ["2026-11-21T12:00:01Z", /it is in the future\./],
    ["other", /There is no restore point "other"\./],
  ])("%s is refused", (text, message) => {
    expect(() => chosen(text)).toThrow(message);
    try {
      chosen(text);
    } catch (error) {
      expect(error).toMatchObject({ exitCode: 2, left: "Nothing was touched." });
    }
  });

  test("there is none in an empty repository", () => {
    const empty = parseRepository("[]", "main");
    expect(() => chooseBackup(empty, { type: "latest" }, [], now)).toThrow("There is no backup yet.");
  });

  test("places in the log are compared as numbers", () => {
    expect(["0/A000000", "1/0", "0/9000000", "FF/1"].sort(compareLsn)).toEqual([
      "0/9000000",
      "0/A000000",
      "1/0",
      "FF/1",
    ]);
  });

  test("needs more of the disk than its own size", () => {
    expect(neededBytes({ bytes: 10e9 })).toBe(17e9);
  });
});

describe("what a dead run left", () => {
  const now = new Date("2026-11-21T12:00:00Z");
  const host = hostname()
    .replace(/[^A-Za-z0-9-]/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
  const labels = (owner: string, hours: number) => ({
    "phasewise-scratch-owner": owner,
    "phasewise-scratch-until": String(now.getTime() / 1000 + hours * 3600),
  });
  test.each([
    ["its time is up", labels("elsewhere.1", -1), true],
    ["it is kept and its time is up", labels("kept", -1), true],
    ["it is kept", labels("kept", 1), false],
    ["another host made it", labels("elsewhere.1", 1), false],
    ["this process made it", labels(`${host}.${process.pid}`, 1), false],
    ["a process of this host made it that is gone", labels(`${host}.4194303`, 1), true],
  ])("%s", (_what, given, left) => expect(isLeft(given, now)).toBe(left));
});
