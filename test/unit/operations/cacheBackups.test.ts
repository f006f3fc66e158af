import { describe, expect, test } from "vitest";
import { chooseCacheBackup, parseCacheBackups } from "../../../operations/cacheBackups/list.ts";
import { refuseReplicas } from "../../../operations/cacheBackups/restore.ts";
import { merge } from "../../../operations/copies/repositories.ts";
import type { Cache } from "../../../operations/topology.ts";
import { judge } from "../../../operations/verify/checks/redisBackup.ts";

const entries = ["20261120T023001Z", "20261119T023000Z", "20261121T023000Z"].map((label, index) => ({
  key: `redis/cache/${label}.rdb.gpg`,
  bytes: 1024 * (index + 1),
}));
const backups = parseCacheBackups(
  [
    ...entries,
    { key: "redis/cache/notes.txt", bytes: 1 },
    { key: "redis/other/20261121T023000Z.rdb.gpg", bytes: 1 },
  ],
  "cache",
);

test("the bucket's keys are read as backups, the oldest first, and others are left out", () => {
  expect(backups).toEqual([
    { label: "20261119T023000Z", madeAt: "2026-11-19T02:30:00Z", bytes: 2048 },
    { label: "20261120T023001Z", madeAt: "2026-11-20T02:30:01Z", bytes: 1024 },
    { label: "20261121T023000Z", madeAt: "2026-11-21T02:30:00Z", bytes: 3072 },
  ]);
});

describe("--to", () => {
  test.each([
    ["latest", "20261121T023000Z"],
    ["20261120T023001Z", "20261120T023001Z"],
    ["2026-11-20T02:30:01Z", "20261120T023001Z"],
    ["2026-11-20T02:30:00Z", "20261119T023000Z"],
    ["2026-11-20 03:00", "20261120T023001Z"],
    ["2026-11-20T04:00:00+02:00", "20261119T023000Z"],
  ])("%s means %s", (to, label) => expect(chooseCacheBackup(backups, to, "dev").label).toBe(label));

  test.each([
    [
      "20261118T000000Z",
      /^There is no backup of 20261118T000000Z: the oldest is 20261119T023000Z, the newest/,
    ],
    ["2026-11-18T00:00:00Z", /^There is no backup of 2026-11-18T00:00:00Z: the oldest is/],
    ["yesterday", /^"yesterday" is neither latest, nor a backup's name/],
    ["0/3000148", /^"0\/3000148" is neither latest/],
  ])("%s is refused", (to, happened) => {
    expect(() => chooseCacheBackup(backups, to, "dev")).toThrow(
      expect.objectContaining({ happened: expect.stringMatching(happened), exitCode: 2 }),
    );
  });

  test("without any backup it says how to make one", () => {
    expect(() => chooseCacheBackup([], "latest", "dev")).toThrow(
      expect.objectContaining({
        happened: "There is no backup of this cache.",
        todo: ["npx phasewise backup dev --cache <name> makes one"],
      }),
    );
  });
});

test("a backup that both repositories have is one, and a restore takes the first that has it", () => {
  const [oldest, middle, newest] = backups;
  const merged = merge(
    [
      { number: 1, copies: [oldest!, middle!] },
      { number: 2, copies: [middle!, newest!] },
    ],
    ({ label }) => label,
  );
  expect(merged).toEqual([
    { ...oldest, repositories: [1] },
    { ...middle, repositories: [1, 2] },
    { ...newest, repositories: [2] },
  ]);
  expect(chooseCacheBackup(merged, "latest", "dev").repositories[0]).toBe(2);
});

test("a cache with replicas is not restored", () => {
  const cache = { name: "cache", machines: ["core-1"], sentinel: null } as Cache;
  expect(() => refuseReplicas(cache, "dev")).not.toThrow();
  const sentinel = { machines: [], addresses: [], user: "app", password: "pw" };
  expect(() => refuseReplicas({ ...cache, machines: ["core-1", "core-2"], sentinel }, "dev")).toThrow(
    expect.objectContaining({
      happened: expect.stringMatching(/^cache has replicas and Sentinels, who would undo a restore/),
      exitCode: 2,
    }),
  );
});

describe("verify", () => {
  const now = new Date("2026-11-22T06:00:00Z");
  const judged = (newest: (typeof backups)[number] | null, since: Date | null = null) =>
    judge({ cache: "cache", where: "", newest, since, now, stack: "dev" });

  test.each([
    ["20261121T060000Z", "2026-11-21T06:00:00Z", true],
    ["20261121T020000Z", "2026-11-21T02:00:00Z", true],
    ["20261121T015959Z", "2026-11-21T01:59:59Z", false],
  ])("the newest one is %s", (label, madeAt, ok) => {
    const found = judged({ label, madeAt, bytes: 2048 });
    expect(found).toMatchObject({ ok, detail: expect.stringContaining(`cache: ${label}, 2 kB, `) });
  });

  test("a new stack has two hours for the first one", () => {
    expect(judged(null, new Date("2026-11-22T04:30:00Z"))).toEqual({
      ok: true,
      detail: "cache: the first one is yet to be made",
    });
    expect(judged(null, new Date("2026-11-22T03:59:00Z"))).toMatchObject({
      ok: false,
      detail: "cache: there is no backup",
    });
  });
});
