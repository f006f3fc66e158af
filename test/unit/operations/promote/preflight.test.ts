import { describe, expect, it } from "vitest";
import { type Facts, refusals } from "../../../../operations/promote/preflight.ts";

const now = new Date("2026-03-01T12:00:00Z");
const GB = 1024 ** 3;

const facts: Facts = {
  cluster: "main",
  members: [
    { name: "db-1", leader: true, synchronous: false, state: "running", lag: null, timeline: 3 },
    { name: "db-2", leader: false, synchronous: false, state: "streaming", lag: 0, timeline: 3 },
  ],
  newestBackup: new Date("2026-03-01T02:00:10Z"),
  longestTransaction: 0.2,
  databaseBytes: 5 * GB,
  volumeBytes: 20 * GB,
  failed: [],
  pending: [],
  servers: { there: 3, coming: 4, limit: 7 },
};

describe("before a promotion", () => {
  it("nothing stands in the way of a stack that is well", () => {
    expect(refusals(facts, now)).toEqual([]);
  });

  it("every reason is told at once", () => {
    const ill: Facts = {
      ...facts,
      members: [
        { name: "db-2", leader: false, synchronous: false, state: "starting", lag: null, timeline: null },
      ],
      newestBackup: new Date("2026-02-27T12:00:00Z"),
      longestTransaction: 95,
      databaseBytes: 15 * GB,
      failed: [{ name: "etcd", detail: "2 of 3 members healthy" }],
      pending: ["PostgreSQL on db-1 (max_connections 100 -> 200)"],
      servers: { there: 4, coming: 4, limit: 7 },
    };
    expect(refusals(ill, now)).toEqual([
      "etcd: 2 of 3 members healthy",
      "main has no primary",
      "replication to db-2 is broken: it is starting",
      "the newest backup is 48 hours old, 26 at most",
      "a transaction has been open for 95 s: clients would wait for it, 30 s at most",
      "the data (15.0 GB) needs volumes of 22.5 GB to be copied to, they have 20.0 GB",
      "a restart waits: PostgreSQL on db-1 (max_connections 100 -> 200)",
      "Hetzner's limit of 7 servers would be hit: the project has 4, 4 come (have it raised in Hetzner's console, then set phasewise:limits.servers)",
    ]);
  });

  it.each<[string, Partial<Facts>, string]>([
    ["check", { failed: [{ name: "volumes", detail: "db-1:/data is full" }] }, "volumes: db-1:/data is full"],
    ["primary", { members: [] }, "main has no primary"],
    [
      "standby that copies",
      {
        members: [
          ...facts.members,
          {
            name: "db-3",
            leader: false,
            synchronous: false,
            state: "creating replica",
            lag: null,
            timeline: null,
          },
        ],
      },
      "replication to db-3 is broken: it is creating replica",
    ],
    [
      "standby that is far behind",
      {
        members: [
          facts.members[0]!,
          {
            name: "db-2",
            leader: false,
            synchronous: false,
            state: "streaming",
            lag: 64 * 1024 ** 2,
            timeline: 3,
          },
        ],
      },
      "replication to db-2 is broken: it is streaming, 64 MB behind",
    ],
    [
      "transaction",
      { longestTransaction: 30.6 },
      "a transaction has been open for 31 s: clients would wait for it, 30 s at most",
    ],
    [
      "backup",
      { newestBackup: new Date("2026-02-28T09:00:00Z") },
      "the newest backup is 27 hours old, 26 at most",
    ],
  ])("one thing alone is told alone: %s", (_, change, reason) => {
    expect(refusals({ ...facts, ...change }, now)).toEqual([reason]);
  });

  it("what is just at its limit is let pass, and a limit that nobody told is none", () => {
    const limits: Partial<Facts> = {
      newestBackup: new Date("2026-02-28T10:00:00Z"),
      longestTransaction: 30,
      databaseBytes: (20 * GB) / 1.5,
    };
    expect(refusals({ ...facts, ...limits }, now)).toEqual([]);
    expect(refusals({ ...facts, servers: { there: 900, coming: 9, limit: null } }, now)).toEqual([]);
  });

  it("a stack without any backup is refused", () => {
    expect(refusals({ ...facts, newestBackup: null }, now)).toEqual(["main has no backup"]);
  });
});
