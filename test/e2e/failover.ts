import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Stack } from "./stack.ts";
import { Writer, type Written } from "./writer.ts";

/** Breaking machines of a stack under a writer, and looking at what is left. */

export interface Member {
  name: string;
  role: string;
  state: string;
}

export interface MachineStatus {
  name: string;
  memoryUsedMb: number;
}

interface Status {
  clusters: { members: Member[] }[];
  machines: MachineStatus[];
}

export async function members(stack: Stack): Promise<Member[]> {
  return (await stack.json<Status>("status", stack.name)).clusters[0]!.members;
}

/** What the machines of a stack use together, in MB. */
export async function memoryUsed(stack: Stack): Promise<number> {
  const { machines } = await stack.json<Status>("status", stack.name);
  return machines.reduce((sum, { memoryUsedMb }) => sum + memoryUsedMb, 0);
}

/**
 * The primary's name, once every other member streams and, where the stack is synchronous, one of them has every
 * acknowledged write.
 */
export async function whole(stack: Stack, count: number, durability = "sync"): Promise<string> {
  let leader = "";
  await stack.eventually(async () => {
    const all = await members(stack);
    expect(all).toHaveLength(count);
    expect(all.filter(({ role }) => role === "sync_standby")).toHaveLength(durability === "sync" ? 1 : 0);
    expect(all.filter(({ state }) => state === "streaming")).toHaveLength(count - 1);
    leader = all.find(({ role }) => role === "leader")!.name;
  });
  return leader;
}

export async function serverId(stack: Stack, machine: string): Promise<number> {
  return (await stack.servers()).find(({ name }) => name.endsWith(`-${machine}`))!.id;
}

/** Cuts a machine's power, and returns when it is off. */
export async function powerOff(stack: Stack, id: number): Promise<void> {
  await stack.api("POST", `/servers/${id}/actions/poweroff`);
  await isOff(stack, id);
}

/** Cuts the power of several machines in one moment, and returns when they are off. */
export async function powerOffTogether(stack: Stack, ids: number[]): Promise<void> {
  await stack.postTogether(ids.map((id) => `/servers/${id}/actions/poweroff`));
  for (const id of ids) await isOff(stack, id);
}

async function isOff(stack: Stack, id: number): Promise<void> {
  const off = async () =>
    (await stack.api<{ server: { status: string } }>("GET", `/servers/${id}`)).server.status === "off";
  while (!(await off())) await sleep(20);
}

/** Makes the table that writers write into, empty. */
export async function makeTable(stack: Stack): Promise<void> {
  const sql =
    "CREATE TABLE IF NOT EXISTS numbered (n int PRIMARY KEY); GRANT SELECT, INSERT ON numbered TO app; TRUNCATE numbered";
  await stack.expectOk("psql", stack.name, "--role", "owner", "--", "-qc", sql);
}

/** Which of the numbers are not in the table. */
export async function missingOf(stack: Stack, acknowledged: number[]): Promise<number[]> {
  const there = new Set((await stack.sql("SELECT n FROM numbered")).split("\n").map(Number));
  return acknowledged.filter((number) => !there.has(number));
}

/** Writes while `strike` is done; returns when rows are acknowledged again, with the number of those that are missing. */
export async function struck(
  stack: Stack,
  strike: () => Promise<void>,
): Promise<Written & { missing: number }> {
  await makeTable(stack);
  const writer = new Writer((await stack.expectOk("url", stack.name, "--show-secrets")).trim());
  await writer.start();
  await sleep(1000);
  await strike();
  writer.strike();
  const deadline = performance.now() + 60_000;
  while (!writer.recovered && performance.now() < deadline) await sleep(50);
  const written = await writer.stop();
  return { ...written, missing: (await missingOf(stack, written.acknowledged)).length };
}

/** Tells a figure in the run's log. */
export function report(what: string, { acknowledged, longestGapMs, errors }: Written): void {
  const seconds = (longestGapMs / 1000).toFixed(1);
  process.stderr.write(
    `${what}: writes again after ${seconds} s, ${acknowledged.length} rows, ${errors} errors\n`,
  );
}
