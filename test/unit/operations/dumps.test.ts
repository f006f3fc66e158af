import { expect, test } from "vitest";
import { chooseDump, parseDumps } from "../../../operations/dumps/list.ts";
import { clusterWithDumps } from "../../../operations/dumps/program.ts";
import { judge } from "../../../operations/verify/checks/dumps.ts";
import { topology } from "../infra/topology.ts";

const key = (database: string, label: string) => `dumps/main/${database}/${label}-4096.tar.gpg`;
const all = parseDumps(
  [
    { key: key("app", "20261121T030000Z"), bytes: 100 },
    { key: key("app", "20261120T030000Z"), bytes: 90 },
    { key: key("shop", "20261121T030005Z"), bytes: 10 },
    { key: "dumps/main/app/notes.txt", bytes: 1 },
    { key: "dumps/main/app/more/20261121T030000Z-1.tar.gpg", bytes: 1 },
    { key: "dumps/other/app/20261121T030000Z-1.tar.gpg", bytes: 1 },
  ],
  "main",
);

test("the bucket's keys are read as dumps, the oldest first, and others are left out", () => {
  expect(all.map(({ database, label }) => `${database} ${label}`)).toEqual([
    "app 20261120T030000Z",
    "app 20261121T030000Z",
    "shop 20261121T030005Z",
  ]);
  expect(all[0]).toEqual({
    database: "app",
    label: "20261120T030000Z",
    madeAt: "2026-11-20T03:00:00Z",
    databaseBytes: 4096,
    bytes: 90,
    name: "20261120T030000Z-4096.tar.gpg",
  });
});

test.each([
  ["latest", "20261121T030000Z"],
  ["20261120T030000Z", "20261120T030000Z"],
  ["2026-11-20T12:00:00Z", "20261120T030000Z"],
])("--to %s means %s", (to, label) => expect(chooseDump(all, "app", to, "dev").label).toBe(label));

test("what is not there is told", () => {
  expect(() => chooseDump(all, "nothing", "latest", "dev")).toThrow("There is no dump of nothing.");
  expect(() => chooseDump(all, "app", "2026-11-19", "dev")).toThrow(
    "There is no dump of app of 2026-11-19: the oldest is 20261120T030000Z, the newest 20261121T030000Z.",
  );
});

test("a stack that makes none says how it would", () => {
  expect(() => clusterWithDumps(topology)).toThrow("production makes no dumps.");
  const [cluster] = topology.clusters;
  const dumping = { ...cluster!, dumps: { databases: ["app"] } };
  expect(clusterWithDumps({ ...topology, clusters: [dumping] })).toBe(dumping);
});

const now = new Date("2026-11-22T06:00:00Z");
const inspected = { database: "app", newest: all[1]!, since: null, now, stack: "dev" };

test("verify wants one of today, with some hours for a second try", () => {
  expect(judge(inspected)).toEqual({ ok: true, detail: "app: 20261121T030000Z, 0.0 MB, 27 hours old" });
  expect(judge({ ...inspected, now: new Date("2026-11-22T07:00:01Z") })).toMatchObject({
    ok: false,
    fix: "npx phasewise dump dev makes them now; npx phasewise logs dev --unit phasewise-dump says why there is none",
  });
});

test("the first one has two hours", () => {
  const none = { ...inspected, newest: null };
  expect(judge({ ...none, since: new Date("2026-11-22T05:00:00Z") })).toEqual({
    ok: true,
    detail: "app: the first one is yet to be made",
  });
  expect(judge({ ...none, since: new Date("2026-11-22T03:00:00Z") })).toMatchObject({
    ok: false,
    detail: "app: there is no dump",
  });
});
