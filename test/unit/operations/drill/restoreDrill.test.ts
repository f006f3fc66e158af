import { describe, expect, test } from "vitest";
import { parseCanary } from "../../../../operations/drill/live.ts";
import { candidates } from "../../../../operations/drill/restoreDrill.ts";
import { repositoryFaults } from "../../../../operations/restore/repository.ts";
import { judgeRepository } from "../../../../operations/verify/checks/backup.ts";
import { judge } from "../../../../operations/verify/checks/drill.ts";

describe("verify looks for a drill", () => {
  const now = new Date("2026-11-21T12:00:00Z");
  const ago = (days: number) => new Date(now.getTime() - days * 86_400_000);
  const inspection = { kind: "restore" as const, cluster: "main", days: 31, now, stack: "production" };
  const last = (days: number) => ({ startedAt: ago(days), rtoSeconds: 42, rpoSeconds: 61, lost: null });
  const fix =
    "npx phasewise drill production restores the newest backup to a throw-away machine and looks at it";

  test.each([
    [
      "one that was good lately is enough",
      { last: last(30), made: null },
      { ok: true, detail: "main: restored 30 days ago within 42 s" },
    ],
    [
      "one that is too old is not",
      { last: last(31), made: null },
      { ok: false, detail: "main: restored 31 days ago within 42 s; every 31 days is asked for", fix },
    ],
    [
      "a new stack has time for its first",
      { last: null, made: ago(3) },
      { ok: true, detail: "main: no backup was ever restored for a trial; due in 28 days" },
    ],
    [
      "but not for ever",
      { last: null, made: ago(40) },
      { ok: false, detail: "main: no backup was ever restored for a trial", fix },
    ],
  ])("%s", (_what, given, finding) => expect(judge({ ...inspection, ...given })).toEqual(finding));

  test("and for a rebuild after a loss", () => {
    const disaster = { ...inspection, kind: "disaster" as const, days: 92 };
    expect(judge({ ...disaster, last: { ...last(10), lost: "everything" }, made: null })).toEqual({
      ok: true,
      detail: "main: rebuilt after a loss (everything) 10 days ago within 42 s",
    });
    expect(judge({ ...disaster, last: null, made: ago(92) })).toEqual({
      ok: false,
      detail: "main: it was never rebuilt after a loss for a trial",
      fix: "npx phasewise drill production --lose everything rebuilds it, or a copy of it (docs/drills.md)",
    });
  });
});

test("the canary's rows are read out of what PostgreSQL makes of them", () => {
  expect(parseCanary("[]")).toEqual([]);
  const xml =
    '<row xmlns:xsi="x">\n  <j>[{"run" : "a", "rows" : 12}, \n {"run" : "b", "rows" : 3}]</j>\n</row>\n';
  expect(parseCanary(xml)).toEqual([
    { run: "a", rows: 12 },
    { run: "b", rows: 3 },
  ]);
  expect(parseCanary('<row>\n  <j xsi:nil="true"/>\n</row>')).toEqual([]);
});

test("verify tells that the weekly check of the repository found something", () => {
  expect(judgeRepository("main", ["success", "success"], "production")).toEqual([]);
  expect(judgeRepository("main", ["success", "exit-code"], "production")).toEqual([
    {
      ok: false,
      detail: "main: the weekly check of the repository found faults",
      fix: "npx phasewise logs production --unit phasewise-backup-verify tells which; npx phasewise backup production --type full begins anew (docs/runbooks/damaged-backup.md)",
    },
  ]);
});

test("what pgBackRest says against a repository is told, and silence of it is no good news", () => {
  const info = (code: number, message: string, name = "main") =>
    JSON.stringify([{ name, status: { code, message } }]);
  expect(repositoryFaults(info(0, "ok"), "main")).toEqual([]);
  expect(repositoryFaults(info(99, "other"), "main")).toEqual(["other"]);
  const repo = [{ status: { code: 99, message: "[CryptoError] unable to load|HINT: the key?" } }];
  const raw = JSON.stringify([{ name: "main", status: { code: 99, message: "other" }, repo }]).replace(
    "|",
    "\n",
  );
  expect(repositoryFaults(raw, "main")).toEqual(["[CryptoError] unable to load HINT: the key?"]);
  expect(repositoryFaults("[]", "main")).toEqual(["the repository knows no main"]);
});

test("a drill tries no backup that a restore in place has left behind", () => {
  const backup = (label: string, time: string, lsn: string, archive: string) => ({
    label,
    timestamp: { start: 0, stop: Date.parse(time) / 1000 },
    lsn: { start: lsn, stop: lsn },
    archive: { start: archive },
    info: { size: 1, repository: { delta: 1 } },
  });
  const info = JSON.stringify([
    {
      name: "main",
      backup: [
        backup("before", "2026-11-20T02:00:00Z", "0/3000000", "000000010000000000000003"),
        backup("left", "2026-11-20T14:00:00Z", "0/9000000", "000000010000000000000009"),
      ],
    },
  ]);
  const branch = { at: new Date("2026-11-20T15:00:00Z"), left: 1, from: 1, lsn: "0/5000000" };
  const labels = (branches: (typeof branch)[]) =>
    candidates(info, { backupStanza: "main" }, branches).map(({ label }) => label);
  expect(labels([])).toEqual(["before", "left"]);
  expect(labels([branch])).toEqual(["before"]);
});
