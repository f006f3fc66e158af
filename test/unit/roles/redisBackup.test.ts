import { expect, test } from "vitest";
import { halfAnHourAfter } from "../../../infra/phases/caches.ts";
import { redisBackup } from "../../../roles/redisBackup.ts";
import { pythonTests } from "../pythonTests.ts";
import { backupSettings, fileOf, roleNamed } from "./machine.ts";

const folder = new URL("./python/", import.meta.url);
const sources = new URL("../../../roles/", import.meta.url);
const role = roleNamed("redis-backup");

test("who makes it and when, in Python's own unittest", async () => {
  expect(await pythonTests("test_redis_backup", folder, sources)).toMatch(/^OK$/m);
});

test("keys are in files of root's alone, and in nothing that is executed", () => {
  const secret = role.files.filter(({ content }) => content.includes("{{secret:"));
  expect(secret.map(({ path }) => path.split("/").at(-1))).toEqual([
    "storage.json",
    "cipher.password",
    "backup.password",
  ]);
  for (const one of secret) expect(one).toMatchObject({ owner: "root", mode: "0600" });
});

test("an authority of the storage's own is trusted alone", () => {
  const own = redisBackup({
    name: "cache",
    memoryMb: 256,
    time: "02:30",
    repositories: [{ ...backupSettings.repository, ownAuthority: true, keepDays: 30 }],
  });
  expect(fileOf(own, "/etc/phasewise/redis-backup/ca.pem").mode).toBe("0600");
  const settings = (of: typeof role) =>
    JSON.parse(fileOf(of, "/etc/phasewise/redis-backup/settings.json").content) as {
      repositories: { ca: string | null }[];
    };
  expect(settings(own).repositories).toMatchObject([{ ca: "/etc/phasewise/redis-backup/ca.pem" }]);
  expect(settings(role).repositories).toMatchObject([{ ca: null }]);
});

test.each([
  ["02:00", "02:30"],
  ["02:45", "03:15"],
  ["23:45", "00:15"],
])("half an hour after %s is %s", (time, later) => expect(halfAnHourAfter(time)).toBe(later));
