import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { expect, test } from "vitest";
import { isLock, tryLock, waitForLock } from "../../../toolchain/lock.ts";

test("a second taker is told who holds the lock, and gets it after its release", async () => {
  const name = randomUUID();
  const first = await tryLock(name, "up dev");
  if (!isLock(first)) throw new Error("a fresh lock was taken");
  const second = await tryLock(name, "destroy dev");
  expect(second).toMatchObject({ pid: process.pid, purpose: "up dev" });
  await first.release();
  const third = await tryLock(name, "destroy dev");
  if (!isLock(third)) throw new Error("the released lock was still taken");
  await third.release();
});

test("waiting tells once who is waited for and goes on when the lock is free", async () => {
  const name = randomUUID();
  const first = await tryLock(name, "building");
  if (!isLock(first)) throw new Error("a fresh lock was taken");
  const told: string[] = [];
  const waiting = waitForLock(name, "building too", (holder) => told.push(holder.purpose));
  setTimeout(() => first.release(), 800);
  const lock = await waiting;
  expect(told).toEqual(["building"]);
  await lock.release();
});

test("a killed holder leaves no lock behind", async () => {
  const name = randomUUID();
  const path = new URL("../../../toolchain/lock.ts", import.meta.url).href;
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `const { tryLock } = await import(${JSON.stringify(path)});
      await tryLock(${JSON.stringify(name)}, "up dev"); console.log("held"); setInterval(() => {}, 1000);`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  expect(await tryLock(name, "up dev")).toMatchObject({ pid: child.pid, purpose: "up dev" });
  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = await tryLock(name, "up dev");
  expect(isLock(lock)).toBe(true);
});
