import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { powerLoss } from "./powerLoss.ts";
import { Stack } from "./stack.ts";

/** The host loses its power in the middle of work; afterwards there are files only. */
const stack = new Stack("reboot");
const unchanged = { create: 0, update: 0, replace: 0, delete: 0 };

beforeAll(async () => {
  await stack.reset();
  await stack.up();
});

afterAll(() => stack.remove());

/** Writes numbered rows one by one until it cannot; gives the number of the last that was acknowledged. */
async function writeUntilTheEnd(): Promise<number> {
  const rows = Array.from(
    { length: 100_000 },
    (_, row) => `insert into written values (${row}) returning id;`,
  );
  const child = stack.start(["psql", stack.name, "--", "-X", "-A", "-t", "-q", "-f", "-"], {
    stdin: "pipe",
    input: rows.join("\n"),
    timeout: 60_000,
  });
  const { stdout } = await child;
  return Number(String(stdout).trim().split("\n").at(-1));
}

test("cloud start brings everything back: machines, disks, addresses, every acknowledged row, the backups", async () => {
  await stack.sql("create table written (id int primary key)");
  await stack.eventually(async () => {
    const { clusters } = await stack.json<{ clusters: { backups: unknown[] }[] }>("backups", stack.name);
    expect(clusters[0]?.backups).toHaveLength(1);
  });
  const [before] = await stack.servers();
  const volumes = await stack.api("GET", "/volumes");
  const backups = await stack.json("backups", stack.name);

  const writer = writeUntilTheEnd();
  await stack.eventually(async () =>
    expect(Number(await stack.sql("select count(*) from written"))).toBeGreaterThan(100),
  );
  await powerLoss(stack);
  const acknowledged = await writer;
  expect(acknowledged).toBeGreaterThan(100);

  // After a boot the number of the dead daemon's process is somebody else's.
  const record = join(stack.directory, "cloud", "daemon.json");
  const { pid: _, ...rest } = JSON.parse(readFileSync(record, "utf8")) as { pid: number };
  writeFileSync(record, JSON.stringify({ ...rest, pid: process.pid }));

  await stack.expectOk("cloud", "start");
  expect(await stack.servers()).toMatchObject([
    { id: before?.id, status: "running", public_net: { ipv4: { ip: before?.public_net.ipv4?.ip } } },
  ]);
  expect(await stack.api("GET", "/volumes")).toEqual(volumes);
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
  expect(Number(await stack.sql("select count(*) from written"))).toBeGreaterThanOrEqual(acknowledged + 1);
  expect(await stack.sql(`select count(*) from written where id <= ${acknowledged}`)).toBe(
    `${acknowledged + 1}`,
  );
  expect(await stack.json("backups", stack.name)).toEqual(backups);
  const { code } = await stack.run("drift", stack.name);
  expect(code).toBe(0);
  expect((await stack.up()).changes).toMatchObject(unchanged);
});

test("and once more: an up is enough", async () => {
  await powerLoss(stack);
  const outcome = await stack.run("cloud", "status", "--json");
  expect(JSON.parse(outcome.stdout)).toEqual({ state: "stopped" });
  // What still starts when it is looked at is waited for, which counts as an update.
  expect((await stack.up()).changes).toMatchObject({ create: 0, replace: 0, delete: 0 });
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
});
