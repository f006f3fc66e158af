import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firedAlerts, watched } from "./alerts.ts";
import { killedIn } from "./killed.ts";
import { Stack } from "./stack.ts";
import { currentTurn } from "./turn.ts";
import { Writer, type Written } from "./writer.ts";

/** What a promotion promises, on real machines: no acknowledged row is lost, no client sees an error, and any of it may be killed. */
const stack = new Stack("promotion");
let writer: Writer;

interface Report {
  from: number;
  to: number;
  seconds: number;
  steps: { name: string; seconds: number }[];
  price: { before: number; after: number };
  canary: { acknowledged: number; missing: number; errors: number; worstStallMs: number };
}

const phase = async (): Promise<string> =>
  (await stack.run("cost", stack.name, "--json")).stdout.match(/"phase": (\d)/)?.[1] ?? "";

async function promote(...args: string[]): Promise<Report> {
  return JSON.parse(await stack.expectOk("promote", stack.name, ...args, "--yes", "--json")) as Report;
}

/** How the last run of `promote` ended, as it is on record. */
const outcome = async (): Promise<string> =>
  (await stack.json<{ outcome: string }>("promote", stack.name, "--last")).outcome;

async function expectWhole(): Promise<void> {
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
}

/** All that a client had acknowledged is there. */
async function expectNothingLost({ acknowledged }: Written): Promise<void> {
  const there = new Set((await stack.sql("SELECT number FROM numbered")).split("\n").map(Number));
  expect(acknowledged.filter((number) => !there.has(number))).toEqual([]);
}

/** And it saw no error. */
async function expectUnhurt(written: Written): Promise<void> {
  await expectNothingLost(written);
  expect(written.errors).toBe(0);
}

/** A new client; it begins to count anew. */
async function startWriter(): Promise<void> {
  await stack.sql("TRUNCATE numbered");
  const { url } = await stack.json<{ url: string }>("url", stack.name, "--show-secrets");
  writer = new Writer(url);
  await writer.start();
}

/** Every moment comes round in the course of days. */
const turn = currentTurn();
const pick = <T>(values: readonly T[]): T => values[turn % values.length]!;

beforeAll(async () => {
  await stack.reset();
  // A daily backup that a move cuts off is told, and rightly so.
  const time = `${String((new Date().getUTCHours() + 12) % 24).padStart(2, "0")}:00`;
  stack.configure({ ...watched, "phasewise:backup": { time } });
  await stack.up();
  await stack.backedUp();
  await stack.sql("CREATE TABLE numbered (number bigint PRIMARY KEY)");
  await stack.sql("GRANT INSERT, SELECT ON numbered TO PUBLIC");
  await startWriter();
});

afterAll(async () => {
  await writer?.stop();
  await stack.remove();
});

describe("a stack under load", () => {
  test("shows what a promotion would do, and refuses what cannot be", async () => {
    const plan = await stack.json<{ from: number; to: number; steps: { final: boolean }[] }>(
      "promote",
      stack.name,
      "--to",
      "2",
      "--dry-run",
    );
    expect(plan).toMatchObject({ from: 1, to: 2 });
    expect(plan.steps.some((step) => step.final)).toBe(true);
    for (const [args, message] of [
      [["--to", "1"], "is in phase 1 (single) already"],
      [["--to", "5"], "cannot build phase 5"],
      [["--resume"], "No promotion of test-promotion is under way."],
    ] as const) {
      const outcome = await stack.run("promote", stack.name, ...args, "--yes");
      expect(outcome.code).toBe(2);
      expect(outcome.stderr).toContain(message);
    }
  });

  test("is taken back after its primary has moved", async () => {
    await promote("--to", "2", "--pause-before", "confirm");
    expect(await outcome()).toBe("paused");
    const refused = await stack.run("up", stack.name, "--yes");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--resume");
    const back = await promote("--abort");
    expect(await outcome()).toBe("undone");
    expect(back.canary).toMatchObject({ missing: 0, errors: 0 });
    expect(await phase()).toBe("1");
    await expectWhole();
  });

  test("is promoted although its promotion is killed, and gone on with", async () => {
    const step = pick([1, 2, 3, 4, 5, 7, 9, 10] as const);
    const afterMs = pick([50, 400, 1500] as const);
    await killedIn(stack, ["promote", stack.name, "--to", "2", "--yes"], `[${step}/`, afterMs);
    const report = await promote("--resume");
    expect(report, `killed ${afterMs} ms after step ${step} had begun`).toMatchObject({ from: 1, to: 2 });
    expect(await outcome()).toBe("done");
    expect(report.canary).toMatchObject({ missing: 0, errors: 0 });
    expect(report.price.after).toBeGreaterThan(report.price.before);
    expect(await phase()).toBe("2");
    await expectWhole();
    // Numbers that nobody writes any more would be told as a backup that is too old, for ever.
    const numbers = "ls /var/lib/prometheus/node-exporter";
    const told = (name: string) => stack.expectOk("ssh", stack.name, name, "--", numbers);
    expect(await told("db-1")).toContain("phasewise-backup.prom");
    expect(await told("core-1")).not.toContain("phasewise-backup.prom");
  });

  test("has hurt no client up to here", async () => {
    await expectUnhurt(await writer.stop());
  });

  test("loses nothing where the mover is killed while it holds clients, and moves its primary afterwards", async () => {
    await startWriter();
    const moving = stack.start(["switchover", stack.name, "--yes"]);
    const kill = [
      "timeout 60 sh -c 'until grep -qsE \"holding|stopping\" /run/phasewise/cutover/state.json; do :; done'",
      "systemctl kill -s KILL phasewise-cutover.service",
      "echo killed",
    ];
    expect(await stack.expectOk("ssh", stack.name, "core-1", "--", kill.join(" && "))).toContain("killed");
    await moving;
    await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
    const before = writer.count;
    await stack.eventually(async () => expect(writer.count).toBeGreaterThan(before));
    await expectNothingLost(await writer.stop());
    await startWriter();
    const moved = await stack.json<{ times: { heldMs: number } }>("switchover", stack.name, "--yes");
    process.stdout.write(`clients were held for ${moved.times.heldMs} ms\n`);
    await expectWhole();
  });

  test("goes back to phase 1, and no client has noticed", async () => {
    const report = await promote("--to", "1");
    expect(report).toMatchObject({ from: 2, to: 1 });
    expect(report.canary).toMatchObject({ missing: 0, errors: 0 });
    expect(await phase()).toBe("1");
    await expectWhole();
    await expectUnhurt(await writer.stop());
  });

  test("has alarmed nobody", async () => {
    expect(await firedAlerts(stack)).toEqual([]);
  });
});
