import { describe, expect, it } from "vitest";
import { type Facts, refusals } from "../../../../operations/promote/preflight.ts";

const now = new Date("2026-03-01T12:00:00Z");
const GB = 1024 ** 3;

const facts: Facts = {
  cluster: "main",
  members: [
    { name: "db-1", leader: true, state: "running", lag: null, timeline: 3 },
    { name: "db-2", leader: false, state: "streaming", lag: 0, timeline: 3 },
  ],
  newestBackup: new Date("2026-03-01T02:00:10Z"),
  longestTransaction: 0.2,
  databaseBytes: 5 * GB,
  volumeBytes: 20 * GB,
  failed: [],
  pending: [],
};

describe("before a promotion", () => {
  it("nothing stands in the way of a stack that is well", () => {
    expect(refusals(facts, now)).toEqual([]);
  });

  it("every reason is told at once", () => {
    const ill: Facts = {
      ...facts,
      members: [{ name: "db-2", leader: false, state: "starting", lag: null, timeline: null }],
      newestBackup: new Date("2026-02-27T12:00:00Z"),
      longestTransaction: 95,
      databaseBytes: 15 * GB,
      failed: [{ name: "etcd", detail: "2 of 3 members healthy" }],
      pending: ["PostgreSQL on db-1 (max_connections 100 -> 200)"],
    };
    expect(refusals(ill, now)).toEqual([
      "etcd: 2 of 3 members healthy",
      "main has no primary",
      "replication to db-2 is broken: it is starting",
      "the newest backup is 48 hours old, 26 at most",
      "a transaction has been open for 95 s: clients would wait for it, 30 s at most",
      "the data (15.0 GB) needs volumes of 22.5 GB to be copied to, they have 20.0 GB",
      "a restart waits: PostgreSQL on db-1 (max_connections 100 -> 200)",
    ]);
  });

  it("a stack without any backup is refused", () => {
    expect(refusals({ ...facts, newestBackup: null }, now)).toEqual(["main has no backup"]);
  });
});
