import { describe, expect, test } from "vitest";
import { runWithDatabase } from "../../../../operations/guard/command.ts";
import { levelsFor, tried } from "../../../../operations/guard/levels.ts";
import { newIndexes } from "../../../../operations/guard/schema.ts";

describe("the ways back", () => {
  test.each([
    [{ undo: false, newIndexes: [] }, ["L3"]],
    [{ undo: true, newIndexes: [] }, ["L1", "L3"]],
    [{ undo: false, newIndexes: ["a.b"] }, ["L2", "L3"]],
    [{ undo: true, newIndexes: ["a.b"] }, ["L1", "L2", "L3"]],
  ])("for %j are %j", (aftermath, levels) => expect(levelsFor(aftermath)).toEqual(levels));

  test.each([
    ["L1", 300, true],
    ["L1", 301, false],
    ["L2", 900, true],
    ["L3", 3601, false],
  ] as const)("%s after %i s is within its limit: %s", (level, seconds, withinLimit) => {
    expect(tried(level, seconds, "recovered", "").withinLimit).toBe(withinLimit);
  });

  test("only indexes that were not there before are dropped", () => {
    const schema = (indexes: string[]) => ({ fingerprint: "x", indexes });
    expect(newIndexes(schema(["a.one"]), schema(["a.one", "a.two"]))).toEqual(["a.two"]);
  });
});

describe("a guarded command", () => {
  const target = {
    public: {
      url: "",
      host: "127.0.0.1",
      port: 6432,
      database: "app",
      user: "app_owner",
      caCertificate: "/ca.pem",
    },
    password: "secret",
    secretUrl: "postgresql://app_owner:secret@127.0.0.1:6432/app",
  };

  test("finds its database in the environment, not among its arguments", async () => {
    const script = `[ "$DATABASE_URL" = ${target.secretUrl} ] && [ "$PGPASSWORD" = secret ] && [ "$#" = 0 ]`;
    expect(await runWithDatabase(["sh", "-c", script], target, { quiet: true })).toBe(0);
  });

  test.each([
    ["exit 7", {}, 7],
    ["kill -9 $$", {}, 137],
    ["sleep 5", { seconds: 0.2 }, 124],
  ])("%s", async (command, options, code) => {
    expect(await runWithDatabase(command, target, { quiet: true, ...options })).toBe(code);
  });

  test("that does not exist cannot be started", async () => {
    expect(await runWithDatabase(["/no/such/program"], target, { quiet: true })).toBe(127);
  });
});
