import { expect, test } from "vitest";
import type { Topology } from "../../../infra/topology.ts";
import { cacheConnectionOf } from "../../../operations/connection.ts";
import { majority, memberFrom } from "../../../operations/membership/cache.ts";
import { cacheRows } from "../../../operations/status.ts";
import type { World } from "../../../operations/verify/check.ts";
import { explain, judge, redis } from "../../../operations/verify/checks/redis.ts";
import {
  type CacheView,
  judgeReplica,
  parseSentinel,
} from "../../../operations/verify/checks/redisReplica.ts";

const cache = {
  name: "cache",
  machines: ["core-1"],
  memoryMb: 256,
  evictionPolicy: "allkeys-lru",
  endpoint: { host: "192.0.2.10", port: 6379 },
  application: { name: "app", password: "pw" },
  backupCipher: "key",
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

const replicated = {
  ...cache,
  machines: ["core-1", "core-2"],
  sentinel: { machines: ["core-1", "core-2", "db-1"], addresses: [], user: "app", password: "pw" },
};
const machines = { "10.0.1.11": "core-1", "10.0.1.12": "core-2" };
const primary = memberFrom("core-2", "role:master\r\nmaster_repl_offset:50000000\r\n");
const replica = memberFrom(
  "core-1",
  "role:slave\r\nmaster_host:10.0.1.12\r\nmaster_link_status:up\r\nmaster_sync_in_progress:0\r\nslave_repl_offset:49999999\r\n",
);
const agreeing = parseSentinel("10.0.1.12\n2\nOK 3 usable Sentinels. Quorum can be reached\n");
const view = (): CacheView => ({
  members: [
    { name: "core-1", seen: replica },
    { name: "core-2", seen: primary },
  ],
  sentinels: replicated.sentinel.machines.map((name) => ({ name, seen: agreeing })),
  gateways: ["core-1", "core-2"].map((name) => ({ name, seen: ["core-2"] })),
});
const replicaFault = (change: (view: CacheView) => void) => {
  const changed = view();
  change(changed);
  return judgeReplica(replicated, changed, machines, "dev");
};

test("a cache with a replica, wherever its primary is", () => {
  expect(replicaFault(() => {})).toEqual({
    ok: true,
    detail: "cache: core-2 leads, core-1 follows; 3 Sentinels agree",
  });
});

test.each([
  [
    "cache: the replica on core-1 does not hear its primary",
    (it: CacheView) => {
      it.members[0]!.seen = { ...replica, synced: false };
    },
  ],
  [
    "cache: the replica on core-1 is 38 MB behind",
    (it: CacheView) => {
      it.members[0]!.seen = { ...replica, offset: 10_000_000 };
    },
  ],
  [
    "cache: Redis on core-1 does not answer: gone",
    (it: CacheView) => {
      it.members[0]!.seen = "gone";
    },
  ],
  [
    "cache: core-1 and core-2 is the primary, the Sentinels say core-2",
    (it: CacheView) => {
      it.members[0]!.seen = { ...primary, name: "core-1" };
    },
  ],
  [
    "cache: the Sentinel on db-1 does not answer: gone",
    (it: CacheView) => {
      it.sentinels[2]!.seen = "gone";
    },
  ],
  [
    "cache: the Sentinel on db-1 knows 3 others, there are 2",
    (it: CacheView) => {
      it.sentinels[2]!.seen = { ...agreeing, others: 3 };
    },
  ],
  [
    "cache: the Sentinel on db-1: NOQUORUM",
    (it: CacheView) => {
      it.sentinels[2]!.seen = { ...agreeing, fault: "NOQUORUM" };
    },
  ],
  [
    "cache: core-1 leads to nowhere, the primary is on core-2",
    (it: CacheView) => {
      it.gateways[0]!.seen = [];
    },
  ],
  [
    "cache: core-1 leads to core-1 and core-2, the primary is on core-2",
    (it: CacheView) => {
      it.gateways[0]!.seen = ["core-1", "core-2"];
    },
  ],
])("%s", (detail, change) => {
  expect(replicaFault(change)).toMatchObject({ ok: false, detail });
});

test("half of the Sentinels are no majority", () => {
  expect(majority(["10.0.1.11", "10.0.1.12", ""])).toBeNull();
  expect(majority(["10.0.1.11", "10.0.1.11", ""])).toBe("10.0.1.11");
  expect(majority(["", "", "10.0.1.11"])).toBeNull();
});

test("status tells who leads, and how far the others are behind", () => {
  expect(cacheRows([replica, primary, "core-3"])).toEqual([
    { name: "core-1", role: "replica", state: "streaming", lag: 1 },
    { name: "core-2", role: "primary", state: "running", lag: null },
    { name: "core-3", role: "unknown", state: "unknown", lag: null },
  ]);
});
