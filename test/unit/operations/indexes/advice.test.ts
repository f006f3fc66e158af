import { describe, expect, it } from "vitest";
import { advise } from "../../../../operations/indexes/advice/advice.ts";
import type { World } from "../../../../operations/indexes/world/world.ts";
import { index, table, world } from "./world.ts";

const told = (parts: Partial<World>) =>
  advise(world({ tables: [table(1, "t")], ...parts })).map((one) => `${one.kind}: ${one.name}`);
const a = "1:1:0:0";
const b = "2:1:0:0";

describe("advice", () => {
  it("names the newer one of two equal indexes, never a constraint's", () => {
    const older = index(2, 1, "older", "USING btree (a)", { keys: [a] });
    const newer = index(3, 1, "newer", "USING btree (a)", { keys: [a] });
    expect(told({ indexes: [older, newer] })).toEqual(["duplicate: newer"]);
    expect(told({ indexes: [older, { ...newer, constraint: true, unique: true }] })).toEqual([
      "duplicate: older",
    ]);
  });

  it("names an index whose keys begin another one, with the same rows", () => {
    const short = index(2, 1, "short", "USING btree (a)", { keys: [a] });
    const long = index(3, 1, "long", "USING btree (a, b)", { keys: [a, b] });
    expect(told({ indexes: [short, long] })).toEqual(["redundant prefix: short"]);
    expect(told({ indexes: [{ ...short, unique: true }, long] })).toEqual([]);
    expect(told({ indexes: [short, { ...long, predicate: "a > 0" }] })).toEqual([]);
    expect(told({ indexes: [short, { ...long, keys: ["1:1:0:3", b] }] })).toEqual([]);
  });

  it("names what was never used, once statistics are a week old", () => {
    const idle = index(2, 1, "idle", "USING btree (a)", { keys: [a], scans: 0 });
    expect(told({ indexes: [idle] })).toEqual(["unused: idle"]);
    expect(told({ indexes: [idle], statisticsSince: "2026-11-20T00:00:00Z" })).toEqual([]);
    expect(told({ indexes: [{ ...idle, unique: true }] })).toEqual([]);
  });

  it("names a foreign key that no index begins with", () => {
    const key = { name: "t_a_b_fkey", table: 1, columns: [1, 2], names: ["a", "b"], references: "other" };
    const covering = index(2, 1, "i", "USING btree (b, a, c)", { keys: [b, a, "3:1:0:0"] });
    expect(told({ foreignKeys: [key], indexes: [covering] })).toEqual([]);
    expect(told({ foreignKeys: [key], indexes: [{ ...covering, keys: [a, "3:1:0:0", b] }] })).toEqual([
      "foreign key without an index: t_a_b_fkey",
    ]);
    const [advice] = advise(world({ tables: [table(1, "t")], foreignKeys: [key] }));
    expect(advice).toMatchObject({
      text: "deleting from other reads all of t: no index begins with a, b",
      sql: 'CREATE INDEX CONCURRENTLY ON "public"."t" ("a", "b");',
    });
  });
});
