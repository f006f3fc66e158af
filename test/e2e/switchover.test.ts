import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PORTS } from "../../roles/paths.ts";
import { makeTable, members, powerOff, report, serverId, struck } from "./failover.ts";
import { Stack } from "./stack.ts";
import { Writer, type WriterOptions, type Written } from "./writer.ts";

/** Planned moves of the primary under load, and what turns them back. */
const stack = new Stack("switchover");

interface Move {
  from: string;
  to: string;
  times: { heldMs: number } | null;
}

async function switchover(...args: string[]): Promise<Move> {
  return stack.json<Move>("switchover", stack.name, "--yes", ...args);
}

async function primary(): Promise<string> {
  const all = await members(stack);
  return all.find(({ role }) => role === "leader")!.name;
}

async function streaming(): Promise<void> {
  await stack.eventually(async () => {
    const all = await members(stack);
    expect(all.map(({ state }) => state).sort()).toEqual(["running", "streaming"]);
  });
}

async function url(): Promise<string> {
  return (await stack.expectOk("url", stack.name, "--show-secrets")).trim();
}

/** Clients write all the time while `work` goes on. */
async function underLoad<T>(
  work: () => Promise<T>,
  options: WriterOptions = {},
): Promise<{ result: T; written: Written }> {
  await stack.expectOk("psql", stack.name, "--role", "owner", "--", "-qc", "TRUNCATE numbered");
  const writer = new Writer(await url(), options);
  await writer.start();
  const result = await work().finally(() => sleep(500));
  return { result, written: await writer.stop() };
}

/** All that was acknowledged is there, and nobody saw an error. */
async function expectUnhurt(written: Written): Promise<void> {
  expect(written.reasons).toEqual({});
  await expectNothingLost(written);
}

async function expectNothingLost({ acknowledged }: Written): Promise<void> {
  const there = new Set((await stack.sql("SELECT n FROM numbered")).split("\n").map(Number));
  expect(acknowledged.filter((number) => !there.has(number))).toEqual([]);
}

async function backAndForth(): Promise<void> {
  const { result, written } = await underLoad(async () => {
    const moves: Move[] = [];
    for (let move = 0; move < 3; move++) moves.push(await switchover());
    return moves;
  });
  expect(result.map(({ to }) => to)).toEqual([result[1]!.from, result[2]!.from, result[0]!.to]);
  const held = result.map(({ times }) => times?.heldMs).join(", ");
  process.stderr.write(`held for ${held} ms; the longest wait of a writer ${written.longestGapMs} ms\n`);
  await expectUnhurt(written);
}

/** A client that begins one transaction of 0.9 s after the other; gives how many failed. */
async function slowClient(target: URL, ca: string, stop: AbortSignal): Promise<number> {
  const client = new pg.Client({ connectionString: target.href, ssl: { ca } });
  let errors = 0;
  client.on("error", () => errors++);
  await client.connect();
  while (!stop.aborted) await client.query("SELECT pg_sleep(0.9)").catch(() => errors++);
  await client.end();
  return errors;
}

beforeAll(async () => {
  await stack.reset();
  stack.configure({ "phasewise:phase": 2 });
  await stack.up();
  await makeTable(stack);
  // A move ends a backup that is being made, and the next one is not begun before the tests are over.
  await stack.backedUp();
});

afterAll(() => stack.remove());

describe("asynchronous durability", () => {
  test("the primary moves back and forth under load: no error, no row lost", backAndForth);

  test("a transaction that does not end in time turns the move back, and hurts nobody", async () => {
    const before = await primary();
    const target = new URL(await url());
    const ca = readFileSync(target.searchParams.get("sslrootcert")!, "utf8");
    target.search = "";
    const { result, written } = await underLoad(async () => {
      const stop = new AbortController();
      const slow: Promise<number>[] = [];
      // At any moment one of them has more than half a second to go.
      for (let client = 0; client < 4; client++) {
        slow.push(slowClient(target, ca, stop.signal));
        await sleep(230);
      }
      const outcome = await stack.run("switchover", stack.name, "--yes", "--max-stall", "1s");
      stop.abort();
      return { outcome, errors: (await Promise.all(slow)).reduce((sum, each) => sum + each, 0) };
    });
    expect(result.outcome.code).toBe(1);
    expect(result.outcome.stderr).toMatch(/did not end within 0\.5 s|has been open for/);
    expect(result.outcome.stderr).toContain("The move was turned back: clients go on");
    expect(result.errors).toBe(0);
    await expectUnhurt(written);
    expect(await primary()).toBe(before);
    await streaming();
  });

  test("a transaction that is open before the move is named, and nothing is begun", async () => {
    const sql = "BEGIN; INSERT INTO numbered VALUES (-1); SELECT pg_sleep(8); ROLLBACK";
    const open = stack.run("psql", stack.name, "--role", "owner", "--", "-qc", sql);
    await sleep(2500);
    const outcome = await stack.run("switchover", stack.name, "--yes", "--max-stall", "1s");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(
      /a transaction on db-\d has been open for \d+\.\d s; the move would have to wait for it/,
    );
    expect((await open).code).toBe(0);
  });

  test("a standby whose Patroni hears of the pause seconds later keeps its PostgreSQL: no error, no row lost", async () => {
    const old = await primary();
    const standby = old === "db-1" ? "db-2" : "db-1";
    const program = "/usr/lib/python3/dist-packages/patroni/ha.py";
    // Killed, Patroni leaves PostgreSQL running, and systemd starts it again.
    const again = [
      "old=$(systemctl show -P MainPID patroni); kill -9 $old",
      'until pid=$(systemctl show -P MainPID patroni); [ "$pid" != 0 ] && [ "$pid" != "$old" ]; do sleep 0.2; done',
      `until ss -Hltnp 'sport = :${PORTS.patroni}' | grep -q "pid=$pid,"; do sleep 0.2; done`,
    ];
    const slowed = `    def _run_cycle(self) -> str:\\n        time.sleep(4)`;
    const slow = [
      `cp ${program} /root/`,
      `sed -i 's/^    def _run_cycle(self) -> str:$/${slowed}/' ${program}`,
    ];
    const on = (...script: string[]) =>
      stack.expectOk("ssh", stack.name, standby, "--", ["set -e", ...script, ...again].join("\n"));
    await on(...slow, `grep -q 'time.sleep(4)' ${program}`);
    try {
      const began = "SELECT pg_postmaster_start_time()";
      const ask = `runuser -u postgres -- psql -qXAt -h /run/postgresql -d postgres -c "${began}"`;
      const before = await stack.expectOk("ssh", stack.name, standby, "--", ask);
      const { result, written } = await underLoad(() => switchover(), { patienceMs: 15_000 });
      expect(result).toMatchObject({ from: old, to: standby });
      expect(result.times).not.toBeNull();
      await expectUnhurt(written);
      expect(await stack.expectOk("ssh", stack.name, standby, "--", ask)).toBe(before);
    } finally {
      await on(`cp /root/ha.py ${program}`);
    }
    await streaming();
  });

  test("a standby that cannot replay the last of the log turns the move back: the old primary serves again", async () => {
    await stack.expectOk("psql", stack.name, "--role", "owner", "--", "-qc", "CREATE TABLE blocked (n int)");
    const old = await primary();
    const standby = old === "db-1" ? "db-2" : "db-1";
    const reading = `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM blocked; SELECT pg_sleep(28)`;
    const asOwner = (await stack.expectOk("url", stack.name, "--show-secrets", "--role", "owner")).trim();
    const target = new URL(asOwner);
    target.searchParams.delete("sslrootcert");
    target.searchParams.set("sslmode", "require");
    target.hostname = "127.0.0.1";
    const state = "/run/phasewise/cutover/state.json";
    const truncating = [
      `rm -f ${state}`,
      `timeout 60 sh -c 'until grep -qs pausing ${state}; do sleep 0.01; done'`,
      `psql -qX '${target.href}' <<'END'`,
      "BEGIN; SELECT 1;",
      `\\! timeout 10 sh -c 'until grep -qs holding ${state}; do :; done'`,
      "TRUNCATE blocked; COMMIT;",
      "END",
    ].join("\n");
    const { result, written } = await underLoad(async () => {
      const reader = stack.run(
        ...["ssh", stack.name, standby, "--"],
        `runuser -u postgres -- psql -qXAt -h /run/postgresql -d app -c "${reading}"`,
      );
      const truncated = stack.run("ssh", stack.name, "core-1", "--", truncating);
      await sleep(2500);
      const outcome = await stack.run("switchover", stack.name, "--yes", "--max-stall", "5s");
      return { outcome, truncated: await truncated, reader };
    });
    expect(result.truncated.code, result.truncated.stderr).toBe(0);
    expect(result.outcome.code, result.outcome.stderr).toBe(1);
    expect(result.outcome.stderr).toContain("had not replayed the log");
    // Held for longer than a writer of the test has patience, some give up and try again.
    await expectNothingLost(written);
    process.stderr.write(`turned back after the stop: the longest wait ${written.longestGapMs} ms\n`);
    expect(await primary()).toBe(old);
    await result.reader;
    await streaming();
    await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
  });
});

describe("synchronous durability", () => {
  test("the primary moves back and forth under load: no error, no row lost", async () => {
    stack.configure({ "phasewise:phase": 2, "phasewise:database": { durability: "sync" } });
    await stack.up();
    await stack.eventually(async () =>
      expect((await members(stack)).map(({ role }) => role).sort()).toEqual(["leader", "sync_standby"]),
    );
    await backAndForth();
  });

  test("a member that has only just come back takes over when the other one is lost", async () => {
    for (let loss = 0; loss < 2; loss++) {
      await stack.eventually(async () =>
        expect((await members(stack)).map(({ role }) => role).sort()).toEqual(["leader", "sync_standby"]),
      );
      const leader = await primary();
      const id = await serverId(stack, leader);
      const written = await struck(stack, () => powerOff(stack, id));
      report(`loss ${loss + 1} of a primary's machine`, written);
      expect(written.missing).toBe(0);
      expect(written.recoveredMs).toBeLessThan(45_000);
      await stack.api("POST", `/servers/${id}/actions/poweron`);
    }
    await streaming();
  });
});
