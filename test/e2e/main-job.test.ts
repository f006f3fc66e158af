import { afterAll, beforeAll, expect, test } from "vitest";
import { leftoversIn, networkState } from "./leftovers.ts";
import { Stack } from "./stack.ts";

/** The main job as a newcomer meets it: up, up again, verify, survive a reset and a killed daemon, destroy. */
const stack = new Stack("main-job");

interface UpReport {
  stack: string;
  phase: number;
  changes: Record<"create" | "update" | "replace" | "delete" | "same", number>;
  seconds: number;
}

interface VerifyReport {
  ok: boolean;
  checks: { name: string; ok: boolean; detail: string; fix?: string }[];
}

let networksBefore: string[] = [];

const failedChecks = async (): Promise<string[]> => {
  const outcome = await stack.run("verify", "dev", "--json");
  const report = JSON.parse(outcome.stdout) as VerifyReport;
  expect(report.checks.length).toBeGreaterThan(8);
  return report.checks.filter((check) => !check.ok).map((check) => `${check.name}: ${check.detail}`);
};

beforeAll(async () => {
  await stack.reset();
  networksBefore = await networkState();
});

afterAll(async () => {
  await stack.run("cloud", "destroy", "--yes");
});

test("up makes phase 1 from nothing", async () => {
  const report = await stack.json<UpReport>("up", "dev", "--yes");
  expect(report).toMatchObject({ stack: "dev", phase: 1, changes: { update: 0, replace: 0, delete: 0 } });
  expect(report.changes.create).toBeGreaterThan(10);
});

test("everything is verified", async () => {
  expect(await failedChecks()).toEqual([]);
});

test("a second up changes nothing", async () => {
  const report = await stack.json<UpReport>("up", "dev", "--yes");
  expect(report.changes).toMatchObject({ create: 0, update: 0, replace: 0, delete: 0 });
});

test("rows written through the clients' endpoint survive a reset of the server and a killed daemon", async () => {
  await stack.sql("create table survivor (id int primary key, v vector(3))");
  await stack.sql("insert into survivor values (1, '[1,2,3]')");

  const [machine] = await stack.servers();
  await stack.api("POST", `/servers/${machine?.id}/actions/reset`);
  await stack.eventually(async () =>
    expect(await stack.sql("select v from survivor where id = 1")).toBe("[1,2,3]"),
  );

  process.kill((await stack.cloudStatus()).pid, "SIGKILL");
  expect(await stack.sql("select count(*) from survivor")).toBe("1");

  await stack.expectOk("cloud", "start");
  expect(await stack.servers()).toMatchObject([{ id: machine?.id, status: "running" }]);
  await stack.eventually(async () => expect(await failedChecks()).toEqual([]));
  const report = await stack.json<UpReport>("up", "dev", "--yes");
  expect(report.changes).toMatchObject({ create: 0, update: 0, replace: 0, delete: 0 });
});

test("destroy and cloud destroy leave nothing behind", async () => {
  await stack.expectOk("destroy", "dev", "--yes");
  expect(await stack.servers()).toEqual([]);
  await stack.expectOk("cloud", "destroy", "--yes");
  expect(await leftoversIn(stack.directory)).toEqual([]);
  expect(await networkState()).toEqual(networksBefore);
});
