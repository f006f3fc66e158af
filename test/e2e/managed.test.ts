import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTable, members, powerOff, report, serverId, struck, whole } from "./failover.ts";
import { chosen } from "./scenarios/scenario.ts";
import { Stack } from "./stack.ts";

/** Phase 2 from nothing, with synchronous durability; the primary is lost in two ways while rows are written. */
const stack = new Stack("managed");
const machines = ["core-1", "db-1", "db-2"];

beforeAll(async () => {
  await stack.reset();
  stack.configure({ "phasewise:phase": 2, "phasewise:database": { durability: "sync" } });
});

afterAll(() => stack.remove());

test("up makes phase 2 from nothing, everything is verified, a second up changes nothing", async () => {
  const { phase, seconds } = await stack.up();
  expect(phase).toBe(2);
  process.stderr.write(`up of phase 2: ${seconds} s\n`);
  expect((await stack.servers()).map(({ name }) => name.slice(name.indexOf("managed-") + 8)).sort()).toEqual(
    machines,
  );
  await whole(stack, 2);
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
  // A machine that was too busy to answer the look counts as drifted, and is looked at again.
  await stack.eventually(async () =>
    expect((await stack.up()).changes).toMatchObject({ create: 0, update: 0, replace: 0, delete: 0 }),
  );
});

test("a setting reaches the standby with the up that changes it", async () => {
  stack.configure({
    "phasewise:phase": 2,
    "phasewise:database": { durability: "sync", parameters: { work_mem: "21MB" } },
  });
  await stack.up();
  const standby = (await members(stack)).find(({ role }) => role !== "leader")!.name;
  const shown = "runuser -u postgres -- psql -XAtc 'SHOW work_mem'";
  expect((await stack.expectOk("ssh", stack.name, standby, "--", shown)).trim()).toBe("21MB");
});

test("the primary's machine loses its power: the standby takes over, no acknowledged row is lost", async () => {
  await makeTable(stack);
  const leader = await whole(stack, 2);
  const id = await serverId(stack, leader);
  const written = await struck(stack, () => powerOff(stack, id));
  report("loss of the primary's machine", written);
  expect(written.missing).toBe(0);
  expect(written.longestGapMs).toBeLessThan(30_000);

  await stack.api("POST", `/servers/${id}/actions/poweron`);
  expect(await whole(stack, 2)).not.toBe(leader);
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
});

test("PostgreSQL is killed on the primary: writes go on, no acknowledged row is lost", async () => {
  const leader = await whole(stack, 2);
  const written = await struck(stack, async () => {
    const kill = "kill -9 $(head -1 /data/postgresql/17/main/postmaster.pid)";
    await stack.expectOk("ssh", stack.name, leader, "--", kill);
  });
  report("crash of PostgreSQL alone", written);
  expect(written.missing).toBe(0);
  expect(written.longestGapMs).toBeLessThan(15_000);
  await whole(stack, 2);
});

const scene = { stack, phase: 2, durability: "sync" } as const;
for (const { name, run } of await chosen(scene, 1)) test(name, () => run(scene));
