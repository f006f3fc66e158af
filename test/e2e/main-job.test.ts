import { afterAll, beforeAll, expect, test } from "vitest";
import { leftoversIn, networksOf, slotOf } from "./leftovers.ts";
import { Stack } from "./stack.ts";

/** The main job as a newcomer meets it: up, up again, verify, survive a reset and a killed daemon, destroy. */
const stack = new Stack("main-job");
const unchanged = { create: 0, update: 0, replace: 0, delete: 0 };

beforeAll(() => stack.reset());

afterAll(() => stack.remove());

test("up makes phase 1 from nothing", async () => {
  const report = await stack.up();
  expect(report).toMatchObject({ phase: 1, changes: { update: 0, replace: 0, delete: 0 } });
  expect(report.changes.create).toBeGreaterThan(10);
});

test("everything is verified", async () => {
  expect(await stack.faults()).toEqual([]);
});

test("a second up changes nothing", async () => {
  expect((await stack.up()).changes).toMatchObject(unchanged);
});

test("rows written through the clients' endpoint survive a reset of the server and a killed daemon", async () => {
  await stack.sql("create table survivor (id int primary key, v text)");
  await stack.sql("insert into survivor values (1, 'here')");

  const [machine] = await stack.servers();
  await stack.api("POST", `/servers/${machine?.id}/actions/reset`);
  await stack.eventually(async () =>
    expect(await stack.sql("select v from survivor where id = 1")).toBe("here"),
  );

  process.kill((await stack.cloudStatus()).pid, "SIGKILL");
  expect(await stack.sql("select count(*) from survivor")).toBe("1");

  await stack.expectOk("cloud", "start");
  expect(await stack.servers()).toMatchObject([{ id: machine?.id, status: "running" }]);
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
  expect((await stack.up()).changes).toMatchObject(unchanged);
});

test("destroy and cloud destroy leave nothing behind", async () => {
  const slot = slotOf(stack.directory);
  expect(await networksOf(slot)).not.toEqual([]);
  await stack.expectOk("destroy", stack.name, "--yes");
  expect(await stack.servers()).toEqual([]);
  await stack.expectOk("cloud", "destroy", "--yes");
  expect(await leftoversIn(stack.directory)).toEqual([]);
  expect(await networksOf(slot)).toEqual([]);
});
