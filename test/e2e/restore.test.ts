import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { s3Client } from "../../clients/s3.ts";
import { readObjectStorageAccess } from "../../cloud/objects/server.ts";
import { makeTable } from "./failover.ts";
import { Stack } from "./stack.ts";
import { isTurnOf } from "./turn.ts";
import { Writer } from "./writer.ts";

/** Restores to throw-away machines, as an operator does them, while the stack runs on. */
const stack = new Stack("restore");

interface Report {
  target: string;
  reached: { time: string | null };
  warning: string | null;
  machine: { name: string } | null;
  copy: { tables: { table: string; as: string; restored: number; copied: number }[] } | null;
}

/** A second stack, made of this one's backups. */
const beside = { name: `${stack.name}-new`, file: stack.file.replace(stack.name, `${stack.name}-new`) };

beforeAll(async () => {
  await stack.reset();
  rmSync(beside.file, { force: true });
  await stack.up();
  await stack.sql("create table counted (id int primary key)");
  await stack.sql("insert into counted select generate_series(1, 1000)");
  // Everything that a restore can come back to lies behind the first backup.
  await stack.backedUp();
});

afterAll(async () => {
  await stack.remove();
  rmSync(beside.file, { force: true });
});

async function serverNames(): Promise<string[]> {
  return (await stack.servers()).map((server) => server.name);
}

async function onScratch(sql: string): Promise<string> {
  return (await stack.expectOk("scratch", stack.name, "--", "psql", "-XAtq", "app", "-c", sql)).trim();
}

test("a table that was dropped is there again at the restore point before", async () => {
  await stack.expectOk("restore-point", "before-drop", stack.name);
  const doubled = await stack.run("restore-point", "before-drop", stack.name);
  expect(doubled.code).toBe(2);
  await stack.sql("drop table counted");
  const report = await stack.json<Report>("restore", stack.name, "--to", "before-drop", "--keep", "1");
  expect(await onScratch("select count(*), pg_is_in_recovery() from counted")).toBe("1000|f");
  await expect(onScratch("create table x ()")).rejects.toThrow("read-only transaction");
  expect(await serverNames()).toContain(report.machine?.name);
  await stack.expectOk("scratch", stack.name, "--remove");
  expect(await serverNames()).toHaveLength(1);
  // The stack itself is as it was, and no firewall of the machine is left.
  expect(await stack.sql("select to_regclass('counted') is null")).toBe("t");
  expect((await stack.api<{ firewalls: unknown[] }>("GET", "/firewalls")).firewalls).toHaveLength(1);
});

test("one table, and a whole database, come back into the stack while it runs", async () => {
  const before = ["restore", stack.name, "--to", "before-drop"];
  const { copy, machine } = await stack.json<Report>(...before, "--table", "public.counted");
  const counted = { table: "public.counted", as: "public.counted", restored: 1000, copied: 1000 };
  expect(copy).toMatchObject({ kind: "table", database: "app", tables: [counted] });
  expect(machine).toBeNull();
  expect(await stack.sql("select count(*), max(id) from counted")).toBe("1000|1000");
  await expect(stack.sql("insert into counted values (1)")).rejects.toThrow("counted_pkey");

  const again = await stack.run(...before, "--table", "public.counted");
  expect(again.code).toBe(2);
  expect(again.stderr).toContain(
    "app has a public.counted already: give another name with --as schema.name\nNothing of the stack was touched.",
  );

  const whole = await stack.json<Report>(...before, "--database", "app", "--as", "app_before");
  expect(whole.copy).toMatchObject({ kind: "database", database: "app_before", tables: [counted] });
  const onPrimary = async (database: string, sql: string) => {
    const command = `runuser -u postgres -- psql -XAtq ${database} -c "${sql}"`;
    return (await stack.expectOk("ssh", stack.name, "core-1", "--", command)).trim();
  };
  expect(await onPrimary("app_before", "select count(*) from counted")).toBe("1000");
  const owned = "select tableowner from pg_tables where tablename = 'counted'";
  expect(await onPrimary("app_before", owned)).toBe("app_owner");
  const unfinished = "select count(*) from pg_database where datname ~ 'restoring'";
  expect(await onPrimary("postgres", unfinished)).toBe("0");
  expect(await serverNames()).toHaveLength(1);
});

test("exactly what was committed before a moment is there, also when nobody writes after it", async () => {
  await stack.sql("create table numbered (id int)");
  await stack.sql("insert into numbered select generate_series(1, 10)");
  await sleep(1100);
  const moment = new Date().toISOString();
  await sleep(1100);
  await stack.sql("insert into numbered select generate_series(11, 20)");
  await stack.json<Report>("restore", stack.name, "--to", moment, "--keep", "1");
  expect(await onScratch("select count(*), max(id) from numbered")).toBe("10|10");
  await stack.expectOk("scratch", stack.name, "--remove");
});

test("a new stack begins with the data of a moment, is killed on its way, and lives on by itself", async () => {
  await stack.sql("create table lived as select generate_series(1, 10) as id");
  await sleep(1100);
  const moment = new Date().toISOString();
  await sleep(1100);
  await stack.sql("insert into lived select generate_series(11, 20)");
  const args = ["restore", stack.name, "--to", moment, "--beside", beside.name, "--yes"];
  const killed = stack.start(args);
  await stack.eventually(async () => expect(existsSync(beside.file)).toBe(true));
  // Some of them before there is a machine, most of them while it is set up.
  await sleep(3000 + Math.random() * 20_000);
  killed.kill("SIGKILL");
  await killed;
  if (readFileSync(beside.file, "utf8").includes("phasewise:origin")) {
    // Nobody makes an empty database of it meanwhile.
    const up = await stack.run("up", beside.name, "--yes");
    expect(up.code, up.stderr).toBe(2);
    expect(up.stderr).toContain(`restore ${stack.name} --to ${moment} --beside ${beside.name}`);
    const report = await stack.json<{ source: string; verify: { ok: boolean } | null }>(...args);
    expect(report).toMatchObject({ source: stack.name, verify: { ok: true } });
  }
  const there = async (name: string, sql: string) =>
    (await stack.expectOk("psql", name, "--", "-XAtq", "-c", sql)).trim();
  expect(await there(beside.name, "insert into lived values (0) returning id")).toBe("0");
  expect(await there(beside.name, "select count(*), max(id) from lived")).toBe("11|10");
  expect(await there(stack.name, "select count(*), max(id) from lived")).toBe("20|20");
  // It has passwords of its own, and none of the keys of the first one; that one's archive has one line of history.
  const password = async (name: string) =>
    new URL((await stack.expectOk("url", name, "--show-secrets")).trim()).password;
  expect(await password(beside.name)).not.toBe(await password(stack.name));
  const keys = await stack.expectOk("ssh", beside.name, "core-1", "--", "ls /etc/pgbackrest");
  expect(keys.trim()).toBe("pgbackrest.conf");
  const sent = await stack.archived(`phasewise-${stack.name}-backups`);
  expect(sent.filter((key) => /\/0000000[2-9]/.test(key))).toEqual([]);
  expect(
    (await stack.archived(`phasewise-${beside.name}-backups`)).some((key) => /\/00000002/.test(key)),
  ).toBe(true);
  const again = await stack.run(...args);
  expect(again.code, again.stderr).toBe(2);
  expect(again.stderr).toContain(`${beside.name} is there already`);
  await stack.expectOk("destroy", beside.name, "--yes");
  rmSync(beside.file);
  expect(await serverNames()).toHaveLength(1);
});

/** With every other turn: it takes two starts of PostgreSQL and a restore. */
test.runIf(isTurnOf(0, 2))(
  "the primary's clock was ahead for a while: verify tells it then, and a restore to a time afterwards",
  async () => {
    const there = async (command: string) => await stack.expectOk("ssh", stack.name, "core-1", "--", command);
    const folder = "/etc/systemd/system/patroni.service.d";
    const library = "/usr/lib/*/faketime/libfaketime.so.1";
    const restart = "systemctl daemon-reload; systemctl restart patroni";
    const clocks = async () => (await stack.verify()).checks.find(({ name }) => name === "clocks")!;
    await stack.sql("create table timed (id int)");
    await there(
      "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends libfaketime",
    );
    try {
      await there(
        `printf '[Service]\\nEnvironment=LD_PRELOAD=%s FAKETIME=+2h\\n' ${library} > ${folder}/99-ahead.conf; ${restart}`,
      );
      await stack.eventually(async () => void (await stack.sql("insert into timed values (1)")));
      expect(await clocks()).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/^core-1 is 7[12]\d\d s ahead of the clock here$/),
      });
    } finally {
      await there(`rm -f ${folder}/99-ahead.conf; ${restart}`);
    }
    await stack.eventually(async () => void (await stack.sql("insert into timed values (2)")));
    expect(await clocks()).toMatchObject({ ok: true });
    await sleep(1100);
    const to = ["restore", stack.name, "--to", new Date().toISOString()];
    const words = /^the primary's clock was ahead: the first transaction that was left out carries /;
    expect((await stack.json<Report>(...to, "--keep", "1")).warning).toMatch(words);
    expect(await onScratch("select count(*) from timed where id = 2")).toBe("0");
    await stack.expectOk("scratch", stack.name, "--remove");
    const whole = [
      "restore",
      stack.name,
      "--to",
      "latest",
      "--table",
      "public.timed",
      "--as",
      "public.timed_again",
    ];
    expect((await stack.json<Report>(...whole)).warning).toBeNull();
    expect(await stack.sql("select count(distinct id) from timed_again")).toBe("2");
    const inPlace = [...to, "--in-place", "--discard-old", "--yes"];
    expect((await stack.json<{ warning: string }>(...inPlace)).warning).toMatch(words);
    expect(await stack.sql("select count(*) from timed where id = 2")).toBe("0");
    // From a backup of now on, times mean what they say again; one is being made after a restore in place.
    await stack.eventually(async () => void (await stack.expectOk("backup", stack.name)));
  },
);

test("restores to random moments while a writer runs return exactly the rows acknowledged before each", async () => {
  await stack.sql("drop table numbered");
  await makeTable(stack);
  const url = (await stack.expectOk("url", stack.name, "--show-secrets")).trim();
  const writer = new Writer(url, { pauseMs: 50, patienceMs: 30_000 });
  await writer.start();
  const begin = performance.now();
  await sleep(5000);
  const restored: { at: number; rows: number[] }[] = [];
  // The other turns have the test before this one.
  const names = ["numbered_1", "numbered_2", "numbered_3"].slice(0, isTurnOf(0, 2) ? 1 : 3);
  for (const name of names) {
    const at = begin + Math.random() * (performance.now() - begin);
    const moment = new Date(Math.floor(Date.now() - (performance.now() - at))).toISOString();
    await stack.expectOk(
      ...["restore", stack.name, "--to", moment, "--table", "public.numbered", "--as", `public.${name}`],
    );
    const rows = (await stack.sql(`select n from ${name} order by n`)).split("\n").map(Number);
    restored.push({ at, rows });
  }
  const { acknowledgements, reasons } = await writer.stop();
  expect(reasons).toEqual({});
  for (const { at, rows } of restored) {
    const before = acknowledgements.filter((one) => one.at < at - 1).map(({ number }) => number);
    expect(rows.slice(0, before.length)).toEqual(before);
    // One row was on its way at that moment, or acknowledged within the millisecond to which a moment is told.
    expect(rows.length - before.length).toBeLessThanOrEqual(1);
  }
});

test("a restore that is killed leaves a machine that the next one removes", async () => {
  const run = stack.start(["restore", stack.name]);
  await stack.eventually(async () => expect(await serverNames()).toHaveLength(2));
  const [left] = (await serverNames()).filter((name) => name.includes("scratch"));
  run.kill("SIGKILL");
  await run;
  expect(await serverNames()).toContain(left);
  const outcome = await stack.run("restore", stack.name, "--json");
  expect(outcome.code, outcome.stderr).toBe(0);
  expect(outcome.stderr).toContain(`removed ${left}, which an earlier run left`);
  expect((JSON.parse(outcome.stdout) as Report).machine).toBeNull();
  expect(await serverNames()).toHaveLength(1);
});

test("what cannot work is refused before anything is made", async () => {
  for (const [to, words] of [
    ["2020-01-01T00:00:00Z", "before the oldest backup"],
    ["2100-01-01T00:00:00Z", "in the future"],
    ["no-such-point", "There are: before-drop"],
    ["what is this", "no place that a database can be restored to"],
  ] as const) {
    const outcome = await stack.run("restore", stack.name, "--to", to);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain(words);
  }
  expect(await serverNames()).toHaveLength(1);
});

test("a drill finds all that was acknowledged, measures, and keeps its report", async () => {
  await stack.sql("create table drilled as select generate_series(1, 500) as id");
  const report = await stack.json<{
    ok: boolean;
    rtoSeconds: number;
    rpoSeconds: number;
    rowsMissing: number;
    checks: { name: string; ok: boolean }[];
  }>("drill", stack.name);
  expect(report).toMatchObject({ ok: true, rowsMissing: 0 });
  expect(report.checks.map(({ name }) => name)).toEqual([
    ...[
      "restore",
      "acknowledged",
      "tables",
      "extensions",
      "indexes",
      "plan",
      "amcheck",
      "checksums",
      "rto",
      "rpo",
    ],
  ]);
  expect(report.rtoSeconds).toBeGreaterThan(1);
  // A segment that is not full waits for 60 s; the way into the bucket comes on top.
  expect(report.rpoSeconds).toBeGreaterThan(60);
  expect(report.rpoSeconds).toBeLessThan(120);
  expect(await serverNames()).toHaveLength(1);
  const { checks } = await stack.verify();
  expect(checks.find(({ name }) => name === "drill")?.detail).toMatch(/restored 0 days ago within/);
});

test("a drill finds a damaged backup, and the newest that can be restored", async () => {
  await stack.expectOk("backup", stack.name, "--type", "diff");
  const access = (await readObjectStorageAccess(join(stack.directory, "cloud/objects")))!;
  const { objectStorage: endpoint } = await stack.json<{ objectStorage: string }>("cloud", "status");
  const client = s3Client({ ...access, endpoint, region: "fsn1" });
  const Bucket = `phasewise-${stack.name}-backups`;
  const listed = await client.send(new ListObjectsV2Command({ Bucket, Prefix: "postgresql/backup/main/" }));
  const files = listed.Contents!.filter(({ Key }) => /F_\d+-\d+D\/(bundle|pg_data)/.test(Key!));
  expect(files.length).toBeGreaterThan(0);
  for (const { Key, Size } of files)
    await client.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.alloc(Size!, 7) }));
  client.destroy();
  const outcome = await stack.run("drill", stack.name, "--json");
  expect(outcome.code).toBe(1);
  const report = JSON.parse(outcome.stdout) as {
    ok: boolean;
    backup: string;
    rowsMissing: number;
    checks: { name: string; ok: boolean; detail: string }[];
  };
  expect(report).toMatchObject({ ok: false, rowsMissing: 0, backup: expect.stringMatching(/^\d+-\d+F$/) });
  expect(report.checks.filter(({ ok }) => !ok)).toMatchObject([
    { name: "restore", detail: expect.stringContaining(`can be restored is ${report.backup}; `) },
  ]);
  expect(await serverNames()).toHaveLength(1);
});

test("a stack whose machine is gone is restored from its bucket alone", async () => {
  const [server] = await stack.servers();
  await stack.api("DELETE", `/servers/${server!.id}`);
  await stack.eventually(async () => expect(await serverNames()).toEqual([]));
  const args = ["restore", stack.name, "--to", "before-drop", "--keep", "1", "--json"];
  const { stderr, ...outcome } = await stack.run(...args);
  expect(outcome.code, stderr).toBe(0);
  expect(stderr).toContain("the bucket is read instead");
  expect(await onScratch("select count(*) from counted")).toBe("1000");
  await stack.expectOk("scratch", stack.name, "--remove");
});
