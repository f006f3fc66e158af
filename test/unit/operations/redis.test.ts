import { expect, test } from "vitest";
import type { Topology } from "../../../infra/topology.ts";
import { cacheConnectionOf } from "../../../operations/connection.ts";
import type { World } from "../../../operations/verify/check.ts";
import { explain, judge, redis } from "../../../operations/verify/checks/redis.ts";

const cache = {
  name: "cache",
  machines: ["core-1"],
  memoryMb: 256,
  evictionPolicy: "allkeys-lru",
  endpoint: { host: "192.0.2.10", port: 6379 },
  application: { name: "app", password: "pw" },
  sentinel: null,
};
const healthy = {
  redis_version: "8.0.2",
  used_memory: "939328",
  aof_enabled: "1",
  aof_last_write_status: "ok",
  aof_last_bgrewrite_status: "ok",
  maxmemory: String(256 * 1024 ** 2),
  maxmemory_policy: "allkeys-lru",
};
const judged = (change: Record<string, string> = {}) =>
  judge(cache, { ...healthy, ...change }, "done", "dev");

test("a Redis as declared", () => {
  expect(judged()).toEqual({ ok: true, detail: "cache: Redis 8.0.2, done; 1 of 256 MB, allkeys-lru" });
});

test.each([
  [{ aof_enabled: "0" }, "cache: it keeps no append-only file: a restart would lose everything"],
  [{ aof_last_write_status: "err" }, "cache: its append-only file could not be written (err)"],
  [
    { aof_last_bgrewrite_status: "err" },
    "cache: its append-only file could not be rewritten (err), so it only grows",
  ],
  [{ maxmemory: "0" }, "cache: maxmemory is 0 bytes, 268435456 are declared"],
  [{ maxmemory_policy: "noeviction" }, "cache: the eviction policy is noeviction, allkeys-lru is declared"],
])("%j is a fault", (change, detail) => {
  expect(judged(change as Record<string, string>)).toMatchObject({ ok: false, detail });
});

test("all faults are told at once", () => {
  expect(judged({ aof_enabled: "0", maxmemory: "0" }).detail).toMatch(/append-only file.*; cache: maxmemory/);
});

test("a damaged file is told with the way out of it", () => {
  const journal =
    "Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup\nexit 1";
  const found = explain("cache", "core-1", "refused", { active: "activating", journal }, "dev");
  expect(found).toMatchObject({
    ok: false,
    detail: "cache: Redis on core-1 does not start: its append-only file is damaged",
    fix: expect.stringContaining("redis-check-aof --fix /data/redis/appendonlydir/appendonly.aof.manifest"),
  });
  // The same line from before a repair says nothing of a server that runs.
  expect(explain("cache", "core-1", "refused", { active: "active", journal }, "dev").detail).toBe(
    "cache: Redis on core-1 runs, and could not be used: refused",
  );
});

test("one that does not run says its last words", () => {
  const state = { active: "failed", journal: "one\nFatal: no space left\n" };
  expect(explain("cache", "core-1", "refused", state, "dev").detail).toBe(
    "cache: Redis on core-1 does not run (failed): Fatal: no space left",
  );
});

test("one that answers the wrong value has failed", async () => {
  const client = {
    ping: async () => "PONG",
    set: async () => "OK",
    get: async () => "something else",
    del: async () => 1,
    info: async () => "",
  };
  const world = {
    topology: { stack: "dev", caches: [cache], machines: [{ name: "core-1" }] },
    redis: (_: unknown, use: (client: unknown) => unknown) => use(client),
    run: async (_: unknown, command: string) => (command.startsWith("systemctl") ? "active\n" : ""),
  } as unknown as World;
  expect((await redis.run(world)).detail).toBe(
    "cache: Redis on core-1 runs, and could not be used: the key that was written did not come back",
  );
  const none = { topology: { caches: [] } } as unknown as World;
  expect(await redis.run(none)).toEqual({ ok: true, detail: "none" });
});

test("the URL without its password, and with it", () => {
  const topology = { stack: "dev", caches: [cache] } as unknown as Topology;
  const { public: shown, secretUrl } = cacheConnectionOf(topology, "/x/ca.pem");
  expect(shown).toEqual({
    url: "rediss://app@192.0.2.10:6379/0",
    host: "192.0.2.10",
    port: 6379,
    database: "0",
    user: "app",
    caCertificate: "/x/ca.pem",
  });
  expect(secretUrl).toBe("rediss://app:pw@192.0.2.10:6379/0");
  expect(() => cacheConnectionOf({ stack: "dev", caches: [] } as unknown as Topology, "/x")).toThrow(
    "dev has no Redis.",
  );
});
