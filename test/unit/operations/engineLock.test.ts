import { expect, test } from "vitest";
import { judgeLock, parseLocks } from "../../../operations/deploy/engineLock.ts";

const refusal = `error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.
  file:///x/.phasewise/state/.pulumi/locks/organization/phasewise/dev/1f.json: created by root@host-a (pid 4711) at 2026-11-21T07:00:00Z`;

test("the engine's refusal names host and process of each lock", () => {
  expect(parseLocks(refusal)).toEqual([
    { text: "root@host-a (pid 4711) at 2026-11-21T07:00:00Z", host: "host-a", pid: 4711 },
  ]);
  expect(parseLocks("error: no stack named 'dev' found")).toBeNull();
  expect(parseLocks("[409] Conflict: Another update is currently in progress.")).toEqual([]);
});

const lock = { text: "", host: "host-a", pid: 4711 };

test("a dead process of this host: broken by itself", () => {
  expect(judgeLock(lock, { host: "host-a", alive: false, owner: null })).toBe("break");
});

test("another host, or a process that lives: refused", () => {
  expect(judgeLock(lock, { host: "host-b", alive: false, owner: null })).toBe("refuse");
  expect(judgeLock(lock, { host: "host-a", alive: true, owner: null })).toBe("refuse");
  expect(judgeLock(lock, { host: "host-a", alive: true, owner: { alive: true } })).toBe("refuse");
  expect(judgeLock({ ...lock, pid: null }, { host: "host-a", alive: false, owner: null })).toBe("refuse");
});

test("the engine of a command that was killed: waited for", () => {
  expect(judgeLock(lock, { host: "host-a", alive: true, owner: { alive: false } })).toBe("wait");
});
