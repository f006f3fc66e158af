import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTable, memoryUsed, powerOff, report, serverId, struck, whole } from "./failover.ts";
import { chosen } from "./scenarios/scenario.ts";
import { Stack } from "./stack.ts";

/** Phase 3 from nothing: the application behind its load balancer, reads from standbys, a primary and a gateway lost. */
const stack = new Stack("replicated");
const schema = resolve(import.meta.dirname, "../../examples/app/schema.sql");

/** Where the load balancer in front of the applications answers. */
let application = "";

interface Balancer {
  name: string;
  public_net: { ipv4: { ip: string } };
}

async function write(text: string, id = randomUUID()): Promise<Response> {
  return fetch(`${application}/notes`, { method: "POST", body: JSON.stringify({ id, text }) });
}

/** Which machine answers a read, through the clients' endpoint. */
async function reader(): Promise<string> {
  const sql = "SELECT host(inet_server_addr())";
  const options = ["--role", "readonly", "--", "-XAtqc", sql];
  const address = (await stack.expectOk("psql", stack.name, ...options)).trim();
  return `db-${Number(address.split(".")[3]) - 20}`;
}

beforeAll(async () => {
  await stack.reset();
  stack.configure({
    "phasewise:phase": 3,
    "phasewise:database": { durability: "sync" },
    "phasewise:loadBalancer": { public: true },
  });
});

afterAll(() => stack.remove());

test("up makes phase 3 from nothing, everything is verified, a second up changes nothing", async () => {
  const { phase, seconds } = await stack.up();
  expect(phase).toBe(3);
  expect(await stack.servers()).toHaveLength(7);
  await whole(stack, 3);
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
  const memory = await memoryUsed(stack);
  process.stderr.write(`up of phase 3: ${seconds} s; 7 machines idle: ${memory} MB\n`);
  expect(memory).toBeLessThan(3072);
  // A machine that was too busy to answer the look counts as drifted, and is looked at again.
  await stack.eventually(async () =>
    expect((await stack.up()).changes).toMatchObject({ create: 0, update: 0, replace: 0, delete: 0 }),
  );
});

test("the application writes and reads behind its load balancer, which turns to all servers", async () => {
  await stack.expectOk("psql", stack.name, "--role", "owner", "--", "-qf", schema);
  const { load_balancers } = await stack.api<{ load_balancers: Balancer[] }>("GET", "/load_balancers");
  application = `http://${load_balancers.find(({ name }) => name.endsWith("-apps"))!.public_net.ipv4.ip}`;
  const id = randomUUID();
  expect((await write("first", id)).status).toBe(201);
  expect(await (await fetch(`${application}/notes/${id}`)).json()).toEqual({ id, text: "first" });
  const served = await Promise.all(Array.from({ length: 6 }, () => fetch(`${application}/health`)));
  const servers = new Set(served.map((response) => response.headers.get("x-served-by")));
  expect([...servers].sort()).toEqual(["app-1", "app-2"]);
});

test("reads come from standbys that are near enough, and from the primary where none is", async () => {
  const leader = await whole(stack, 3);
  const standbys = ["db-1", "db-2", "db-3"].filter((name) => name !== leader);
  expect(standbys).toContain(await reader());
  const signal = (name: string, to: string) =>
    stack.expectOk("ssh", stack.name, name, "--", `kill -${to} $(pgrep -f '[p]ostgres: main: startup')`);
  await Promise.all(standbys.map((name) => signal(name, "STOP")));
  try {
    // Not even a synchronous commit waits for a standby's replay.
    expect((await write("late")).status).toBe(201);
    await stack.eventually(async () => expect(await reader()).toBe(leader));
  } finally {
    await Promise.all(standbys.map((name) => signal(name, "CONT")));
  }
  await stack.eventually(async () => expect(standbys).toContain(await reader()));
});

test("the primary's machine loses its power: nothing acknowledged is lost, and the application loses no note", async () => {
  await makeTable(stack);
  const leader = await whole(stack, 3);
  const id = await serverId(stack, leader);
  const note = randomUUID();
  let noted: Promise<Response> | null = null;
  const written = await struck(stack, async () => {
    await powerOff(stack, id);
    noted = write("in the middle of it", note);
  });
  report("phase 3, loss of the primary's machine", written);
  expect(written.missing).toBe(0);
  expect(written.longestGapMs).toBeLessThan(30_000);
  expect((await noted!).status).toBe(201);
  expect((await fetch(`${application}/notes/${note}`)).status).toBe(200);
  await stack.api("POST", `/servers/${id}/actions/poweron`);
  expect(await whole(stack, 3)).not.toBe(leader);
});

test("a gateway and an application server lose their power: the others take their clients", async () => {
  const gateway = await serverId(stack, "core-1");
  const server = await serverId(stack, "app-1");
  const written = await struck(stack, () => powerOff(stack, gateway));
  report("phase 3, loss of a gateway", written);
  expect(written.missing).toBe(0);
  expect(written.longestGapMs).toBeLessThan(20_000);
  await powerOff(stack, server);
  await stack.eventually(async () => {
    for (let attempt = 0; attempt < 4; attempt++) {
      const response = await fetch(`${application}/health`, { signal: AbortSignal.timeout(3000) });
      expect(response.headers.get("x-served-by")).toBe("app-2");
    }
  });
  expect((await write("with half of it")).status).toBe(201);
  for (const id of [gateway, server]) await stack.api("POST", `/servers/${id}/actions/poweron`);
  await sleep(5000);
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
});

const scene = { stack, phase: 3, durability: "sync" } as const;
for (const { name, run } of await chosen(scene, 2)) test(name, () => run(scene));
