import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack } from "./stack.ts";
import { isTurnOf } from "./turn.ts";
import { Writer } from "./writer.ts";

/** Disasters of a stack in phase 1, and the way back from each. */
const stack = new Stack("drill");

interface Report {
  ok: boolean;
  lost: string;
  rtoSeconds: number;
  rpoSeconds: number;
  rowsMissing: number;
  checks: { name: string; ok: boolean; detail: string }[];
}

beforeAll(async () => {
  await stack.reset();
  await stack.up();
  await stack.sql("create table numbered (id bigint primary key)");
  await stack.sql("grant insert, select on numbered to app");
});

afterAll(() => stack.remove());

function connectionSecrets(): Promise<string> {
  return stack.expectOk("url", stack.name, "--show-secrets");
}

async function writer(): Promise<Writer> {
  const writer = new Writer((await connectionSecrets()).trim());
  await writer.start();
  return writer;
}

async function present(): Promise<Set<number>> {
  const rows = await stack.sql("select id from numbered");
  return new Set(rows.split("\n").filter(Boolean).map(Number));
}

test("everything is lost with a writer at work, the drill is killed on its way, and it comes back", async () => {
  const password = new URL((await connectionSecrets()).trim()).password;
  const before = await writer();
  await sleep(1000);
  // Everything until here is in the archive once the restore point is.
  const archived = before.count;
  await stack.expectOk("restore-point", "before-the-end", stack.name);
  await sleep(Math.random() * 3000);
  const args = ["drill", stack.name, "--lose", "everything", "--yes", "--json"];
  const killed = stack.start(args);
  const journal = join(stack.directory, "disaster-drills", stack.name, "drill.json");
  await stack.eventually(async () => expect(readFileSync(journal, "utf8")).toContain('"struck"'));
  before.strike();
  await sleep(Math.random() * 15_000);
  killed.kill("SIGKILL");
  await killed;
  const { acknowledged } = await before.stop();
  // Another loss is refused meanwhile.
  const other = await stack.run("drill", stack.name, "--lose", "machine", "--yes");
  expect(other.code, other.stderr).toBe(2);
  const report = JSON.parse(await stack.expectOk(...args)) as Report;
  expect(report).toMatchObject({ ok: true, lost: "everything", rowsMissing: 0 });
  expect(report.rpoSeconds).toBeLessThan(120);
  const there = await present();
  expect(acknowledged.slice(0, archived).filter((id) => !there.has(id))).toEqual([]);
  expect(new URL((await connectionSecrets()).trim()).password).toBe(password);
  expect(await stack.faults()).toEqual([]);
  expect(existsSync(join(stack.directory, "disaster-drills", stack.name))).toBe(false);
});

test.runIf(isTurnOf(0, 3))(
  "the bucket's keys are revoked: nothing is lost, and the archive catches up with the new ones",
  async () => {
    const report = await stack.json<Report>("drill", stack.name, "--lose", "bucket-credentials", "--yes");
    expect(report).toMatchObject({ ok: true, lost: "bucket-credentials", rowsMissing: 0, rpoSeconds: 0 });
  },
);

test.runIf(isTurnOf(1, 3))("the machine is lost and its volume is kept: nothing is lost", async () => {
  const report = await stack.json<Report>("drill", stack.name, "--lose", "machine", "--yes");
  expect(report).toMatchObject({ ok: true, lost: "machine", rowsMissing: 0, rpoSeconds: 0 });
  expect((await stack.verify()).checks.find(({ name }) => name === "drill")?.detail).toMatch(
    /rebuilt after a loss \(machine\) 0 days ago/,
  );
  // The machine is a new one, and Prometheus hears it from there all the same.
  const told = ["cat", "/var/lib/prometheus/node-exporter/phasewise-drill.prom"];
  expect(await stack.expectOk("ssh", stack.name, "core-1", "--", ...told)).toContain(
    'phasewise_drill_ok{cluster="main",kind="disaster"} 1\n',
  );
});

test.runIf(isTurnOf(2, 3))("the volume is lost: its data comes back from the bucket", async () => {
  const report = await stack.json<Report>("drill", stack.name, "--lose", "volume", "--yes");
  expect(report).toMatchObject({ ok: true, lost: "volume", rowsMissing: 0 });
  expect(await stack.faults()).toEqual([]);
});

test("a stack in production is never lost for a trial", async () => {
  const other = new Stack("drill-production");
  const text = readFileSync(stack.file, "utf8").replace(/^ *phasewise:cloud: embedded\n/m, "");
  try {
    writeFileSync(other.file, text);
    const outcome = await stack.run("drill", other.name, "--lose", "everything", "--yes");
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("nothing of it is ever lost for a trial");
  } finally {
    rmSync(other.file, { force: true });
  }
});
