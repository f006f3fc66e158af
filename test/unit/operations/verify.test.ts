import fc from "fast-check";
import { expect, test } from "vitest";
import { SshError } from "../../../clients/ssh.ts";
import { type Check, combine, type World } from "../../../operations/verify/check.ts";
import * as archiving from "../../../operations/verify/checks/archiving.ts";
import * as backup from "../../../operations/verify/checks/backup.ts";
import * as certificates from "../../../operations/verify/checks/certificates.ts";
import * as extensions from "../../../operations/verify/checks/extensions.ts";
import * as pending from "../../../operations/verify/checks/pendingRestarts.ts";
import * as pooler from "../../../operations/verify/checks/pooler.ts";
import {
  isSame,
  judge as judgeSettings,
  type Setting,
  waitingSettings,
} from "../../../operations/verify/checks/settings.ts";
import * as volumes from "../../../operations/verify/checks/volumes.ts";
import { verify } from "../../../operations/verify/verify.ts";

const now = new Date("2026-11-21T12:00:00Z");
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);

test("all checks are made at once, and one that cannot be made has failed", async () => {
  const order: string[] = [];
  const check = (name: string, run: Check["run"]): Check => ({ name, run });
  const world = { topology: { stack: "dev" } } as World;
  const report = await verify(world, [
    check("slow", async () => {
      order.push("slow begins");
      await new Promise((resolve) => setTimeout(resolve, 30));
      return { ok: true, detail: "fine" };
    }),
    check("broken", async () => {
      order.push("broken begins");
      throw new Error("connect ECONNREFUSED\nat somewhere");
    }),
  ]);
  expect(order).toEqual(["slow begins", "broken begins"]);
  expect(report).toEqual({
    ok: false,
    checks: [
      { name: "slow", ok: true, detail: "fine" },
      {
        name: "broken",
        ok: false,
        detail: "could not be checked: connect ECONNREFUSED",
        fix: "npx phasewise status dev shows what runs; npx phasewise logs dev shows what it says",
      },
    ],
  });
});

test("a machine that does not answer: what to do where it is lost", async () => {
  const away: Check = {
    name: "away",
    run: async () => {
      const line = "root@198.18.0.2:22 cannot be reached by SSH: no answer (tried once in 10 s).";
      throw new SshError(`${line}\nMore.`, "unreachable");
    },
  };
  const world = { topology: { stack: "dev" } } as World;
  expect((await verify(world, [away])).checks).toEqual([
    {
      name: "away",
      ok: false,
      detail:
        "could not be checked: root@198.18.0.2:22 cannot be reached by SSH: no answer (tried once in 10 s).",
      fix: "npx phasewise status dev shows what runs; npx phasewise logs dev shows what it says (docs/runbooks/machine-lost.md)",
    },
  ]);
});

test("of several findings the faults are told, with each fix once", () => {
  const fine = { ok: true, detail: "a is fine" };
  const bad = (detail: string) => ({ ok: false, detail, fix: "do it" });
  expect(combine([fine, { ok: true, detail: "b too" }])).toEqual({ ok: true, detail: "a is fine; b too" });
  expect(combine([fine, bad("b"), bad("c")])).toEqual({ ok: false, detail: "b; c", fix: "do it" });
});

const setting = (more: Partial<Setting>): Setting => ({
  name: "x",
  setting: "",
  unit: null,
  vartype: "string",
  shown: "",
  context: "user",
  pending_restart: false,
  ...more,
});

test.each([
  ["1GB", { setting: "131072", unit: "8kB", vartype: "integer" }, true],
  ["1024MB", { setting: "131072", unit: "8kB", vartype: "integer" }, true],
  ["1GB", { setting: "131071", unit: "8kB", vartype: "integer" }, false],
  ["15min", { setting: "900", unit: "s", vartype: "integer" }, true],
  ["0.5", { setting: "0.5", unit: null, vartype: "real" }, true],
  ["500ms", { setting: "500", unit: "ms", vartype: "integer" }, true],
  [100, { setting: "100", unit: null, vartype: "integer" }, true],
  ["-1", { setting: "-1", unit: "kB", vartype: "integer" }, true],
  [true, { setting: "on", vartype: "bool" }, true],
  ["off", { setting: "on", vartype: "bool" }, false],
  ["Replica", { setting: "replica", vartype: "enum" }, true],
  ["a,b", { setting: "a, b", vartype: "string" }, true],
  ["nonsense", { setting: "5", vartype: "integer" }, false],
] as const)("declared %s and running %o", (declared, found, expected) => {
  expect(isSame(declared, setting(found as Partial<Setting>))).toBe(expected);
});

test("a number of blocks is the same in whatever unit it is declared", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), (blocks) => {
      const running = setting({ setting: String(blocks), unit: "8kB", vartype: "integer" });
      expect(isSame(`${blocks * 8}kB`, running)).toBe(true);
      expect(isSame(blocks, running)).toBe(true);
      expect(isSame(`${(blocks + 1) * 8}kB`, running)).toBe(false);
    }),
  );
});

test("settings: what waits for a restart is left to its own check", () => {
  const found = [
    setting({ name: "work_mem", setting: "4096", unit: "kB", vartype: "integer", shown: "4MB" }),
    setting({
      name: "max_connections",
      setting: "100",
      vartype: "integer",
      shown: "100",
      pending_restart: true,
    }),
  ];
  const declared = { work_mem: "16MB", max_connections: 200 };
  expect(judgeSettings("main", declared, found, "dev")).toEqual({
    ok: false,
    detail: "main: work_mem is 4MB, 16MB is declared",
    fix: "npx phasewise up dev",
  });
  expect(judgeSettings("main", { work_mem: "4MB", max_connections: 200 }, found, "dev").ok).toBe(true);
  expect(waitingSettings(declared, found)).toEqual(["max_connections 100 -> 200"]);
  const early = found.map((one) => ({ ...one, pending_restart: false, context: "postmaster" }));
  expect(waitingSettings(declared, early)).toEqual(["work_mem 4MB -> 16MB", "max_connections 100 -> 200"]);
  expect(judgeSettings("main", { nope: 1 }, found, "dev").detail).toBe(
    "main: nope is not known to PostgreSQL",
  );
});

test("certificates: three weeks before the end it is time", () => {
  const day = 86_400;
  expect(certificates.judge("core-1", ago(-30 * day), now, "dev")).toEqual({
    ok: true,
    detail: "core-1 until 2026-12-21",
  });
  expect(certificates.judge("core-1", ago(-20 * day), now, "dev")).toEqual({
    ok: false,
    detail: "core-1 ends in 20 days, on 2026-12-11",
    fix: "npx phasewise up dev renews it",
  });
  expect(certificates.judge("core-1", ago(day), now, "dev").detail).toBe("core-1 has ended on 2026-11-20");
});

test("extensions and version", () => {
  const cluster = { name: "main", postgresVersion: 17, extensions: ["vector"] };
  const found = [{ name: "vector", version: "0.8.0" }];
  expect(extensions.judge(cluster, "17.6 (Debian 17.6-0+deb13u1)", found, "dev").detail).toBe(
    "main: PostgreSQL 17.6, vector 0.8.0",
  );
  expect(extensions.judge(cluster, "16.1", [], "dev")).toMatchObject({
    ok: false,
    detail: "main: PostgreSQL 16.1 runs, 17 is declared; missing: vector",
  });
});

test("pooler: paused databases and clients that wait", () => {
  const databases = pooler.parseCsv("name,host,paused,disabled\napp,127.0.0.1,0,0\npgbouncer,,0,0\n");
  const pools = pooler.parseCsv("database,user,cl_active,cl_waiting,maxwait\napp,app,3,0,0\n");
  expect(pooler.judge("core-1", databases, pools, "dev")).toEqual({
    ok: true,
    detail: "core-1: app; 3 clients, nobody waits",
  });
  const paused = [{ ...databases[0]!, paused: "1" }];
  expect(pooler.judge("core-1", paused, pools, "dev").detail).toBe("core-1: clients of app are held");
  const waiting = [{ ...pools[0]!, cl_waiting: "9", maxwait: "7" }];
  expect(pooler.judge("core-1", databases, waiting, "dev").detail).toBe(
    "core-1: 9 clients of app/app wait for 7 s",
  );
});

test("archiving: a failure after the last success, or no success", () => {
  const fine = { archived: 5, lastArchived: ago(20), lastFailed: ago(300), failedFile: "000001" };
  expect(archiving.judge("main", fine, now, "dev")).toEqual({
    ok: true,
    detail: "main: 5 segments archived, the last 20 s ago",
  });
  expect(archiving.judge("main", { ...fine, lastFailed: ago(10) }, now, "dev").detail).toBe(
    "main: the last segment failed (000001)",
  );
  expect(archiving.judge("main", { ...fine, lastArchived: null, lastFailed: null }, now, "dev").ok).toBe(
    false,
  );
  expect(archiving.needsProof(fine, now)).toBe(false);
  expect(archiving.needsProof({ ...fine, lastArchived: ago(3600) }, now)).toBe(true);
});

test("backup: its age; one that is being made counts in the first hour only", () => {
  const none = {
    label: null,
    type: null,
    finishedAt: null,
    bytes: null,
    status: "no valid backups",
    running: true,
  };
  const args = { cluster: "main", now, stack: "dev" };
  expect(backup.judge({ ...args, state: none, made: ago(600) })).toEqual({
    ok: true,
    detail: "main: the first one is being made",
  });
  expect(backup.judge({ ...args, state: none, made: ago(4000) }).ok).toBe(false);
  expect(backup.judge({ ...args, state: { ...none, running: false }, made: ago(600) })).toEqual({
    ok: false,
    detail: "main: there is no backup (no valid backups)",
    fix: "npx phasewise backup dev makes one now",
  });
  const refused = {
    ...none,
    running: false,
    status: "[ProtocolError] HTTP request failed with 403 (Forbidden)",
  };
  expect(backup.judge({ ...args, state: refused, made: ago(600) }).fix).toMatch(
    /^the storage must be reachable, and its keys .* be the right ones; /,
  );
  const gone = "[FileMissingError] unable to load info file: HTTP request failed with 404 (Not Found)";
  expect(
    backup.judge({ ...args, state: { ...none, running: false, status: gone }, made: ago(1e6) }).fix,
  ).toBe(
    "if the bucket is gone, npx phasewise up dev makes it anew, and a full backup begins (docs/runbooks/bucket-lost.md)",
  );
  const made = {
    label: "20261121-020000F",
    type: "full",
    bytes: 30 * 1024 * 1024,
    status: "ok",
    running: false,
  } as const;
  expect(backup.judge({ ...args, state: { ...made, finishedAt: ago(36_000) }, made: ago(1e6) })).toEqual({
    ok: true,
    detail: "main: 20261121-020000F, 30 MB, 10 hours old",
  });
  expect(backup.judge({ ...args, state: { ...made, finishedAt: ago(100_000) }, made: ago(1e6) }).ok).toBe(
    false,
  );
  const unreadable = { ...made, finishedAt: ago(36_000), status: "[HostConnectError] timeout" };
  expect(backup.judge({ ...args, state: unreadable, made: ago(1e6) })).toEqual({
    ok: false,
    detail: "main: 20261121-020000F, 30 MB, 10 hours old; the repository says: [HostConnectError] timeout",
    fix: "the storage must be reachable, and its keys and the backups' key be the right ones; npx phasewise up dev brings them to the machines (docs/runbooks/archive-stuck.md)",
  });
});

test("volumes: mounted, writable, grown, with room", () => {
  const volume = { path: "/data", sizeGb: 10 };
  const gb = 1024 ** 3;
  const mounted = {
    target: "/data",
    source: "/dev/sdb",
    size: 9.7 * gb,
    avail: 8 * gb,
    options: "rw,noatime",
  };
  expect(volumes.judge("core-1", volume, mounted, "dev")).toEqual({
    ok: true,
    detail: "core-1:/data: 8.0 of 10 GB free",
  });
  expect(volumes.judge("core-1", volume, null, "dev")).toEqual({
    ok: false,
    detail: "core-1:/data is not mounted",
    fix: "npx phasewise up dev (docs/runbooks/volume-lost.md)",
  });
  expect(volumes.judge("core-1", volume, { ...mounted, options: "ro" }, "dev")).toEqual({
    ok: false,
    detail: "core-1:/data is read-only",
    fix: "npx phasewise logs dev --unit kernel tells why (docs/runbooks/volume-lost.md)",
  });
  expect(volumes.judge("core-1", { ...volume, sizeGb: 20 }, mounted, "dev").detail).toBe(
    "core-1:/data has 9.7 of 20 GB",
  );
  expect(volumes.judge("core-1", volume, { ...mounted, avail: gb }, "dev")).toEqual({
    ok: false,
    detail: "core-1:/data: 1.0 of 10 GB free",
    fix: "raise phasewise:volume.sizeGb and run up: it grows without a restart (docs/runbooks/disk-full.md)",
  });
});

test("pending restarts break nothing, and rollout does them", () => {
  expect(pending.judge([], "dev")).toEqual({ ok: true, detail: "none" });
  const reason = "max_connections 100 -> 200";
  expect(pending.judge([{ machine: "core-1", what: "PostgreSQL", reason }], "dev")).toEqual({
    ok: true,
    detail: "PostgreSQL on core-1 (max_connections 100 -> 200)",
    fix: "npx phasewise rollout dev restarts them, one machine at a time",
  });
  expect(pending.startTimes("Id=etcd.service\nActiveEnterTimestampMonotonic=5\n\nId=b.service\n")).toEqual(
    new Map([
      ["etcd.service", 5],
      ["b.service", 0],
    ]),
  );
});

test("archiving: of several repositories the one is named that refuses the log", () => {
  expect(archiving.whichRefuse("2\n")).toBe("; repository 2 refuses it, the other one takes all log");
  expect(archiving.whichRefuse("1\n2\n")).toBe("; both repositories refuse it");
  expect(archiving.whichRefuse("")).toBe("");
});

test("archiving: a success that is ten minutes old to the second needs no proof, and none is missed", async () => {
  const row = { archived: "5", lastArchived: ago(600), lastFailed: null, failedFile: null };
  const rows = async () => [row];
  const world = {
    topology: { stack: "dev" },
    now,
    sql: (_cluster: unknown, _role: unknown, use: (session: unknown) => Promise<unknown>) => use({ rows }),
  } as unknown as World;
  expect(await archiving.inspect(world, { name: "main" } as Parameters<typeof archiving.inspect>[1])).toEqual(
    {
      ok: true,
      detail: "main: 5 segments archived, the last 600 s ago",
    },
  );
});
