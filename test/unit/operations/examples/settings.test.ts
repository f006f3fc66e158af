import { describe, expect, test } from "vitest";
import { findExample } from "../../../../operations/examples/find.ts";
import { markerText, parseMarker, sameData, settingsText } from "../../../../operations/examples/marker.ts";
import { parseSchema } from "../../../../operations/examples/schema.ts";
import { settingsOf } from "../../../../operations/examples/settings.ts";
import { Problem } from "../../../../toolchain/problem.ts";

const { example } = await findExample("fastbots");

function faultsOf(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return [`exit ${error.exitCode}`, ...error.details];
    throw error;
  }
  return [];
}

describe("settings", () => {
  test("the smallest scale, unless something else is asked for", () => {
    expect(settingsOf(example, {})).toEqual({ seed: "1", size: 40, until: "2026-07-01", dimension: 384 });
    expect(settingsOf(example, { scale: "large" }).size).toBe(5000);
    expect(settingsOf(example, { size: "7", seed: "x", until: "2025-12-31", dimension: "1536" })).toEqual({
      seed: "x",
      size: 7,
      until: "2025-12-31",
      dimension: 1536,
    });
  });

  test("all faults at once", () => {
    const wishes = { scale: "huge", size: "-1", seed: "a'b", until: "2026-02-30", dimension: "2001" };
    expect(faultsOf(() => settingsOf(example, wishes))).toEqual([
      "exit 2",
      "--scale huge: give one of small, medium, large",
      "--size -1: give a whole number of organizations, 1 to 20000",
      "--scale and --size: give one of them",
      "--seed a'b: give 1 to 40 letters, digits, dots or hyphens",
      "--until 2026-02-30: give a date, as 2026-07-01",
      "--dimension 2001: give a whole number, 2 to 2000",
    ]);
  });

  test("an unknown example is answered with the known ones", async () => {
    await expect(findExample("generate")).rejects.toThrow('There is no example "generate".');
  });
});

describe("a table's mark", () => {
  const settings = { seed: "1", size: 40, until: "2026-07-01", dimension: 384 };
  const wanted = { example: "fastbots", version: 1, ...settings };
  const marker = { ...wanted, rows: 9 };

  test("is found again in the comment, and nowhere else", () => {
    expect(parseMarker(markerText(marker))).toEqual(marker);
    expect(parseMarker(null)).toBeUndefined();
    expect(parseMarker("orders of customers")).toBeUndefined();
    expect(parseMarker("Example data of Phasewise, changed by hand")).toBeUndefined();
  });

  test("says whether a table holds what is asked for", () => {
    expect(sameData(marker, wanted)).toBe(true);
    for (const change of [
      { seed: "2" },
      { size: 41 },
      { version: 2 },
      { dimension: 3 },
      { until: "2026-01-01" },
    ])
      expect(sameData(marker, { ...wanted, ...change })).toBe(false);
    expect(settingsText(settings)).toBe("--size 40 --seed 1 --until 2026-07-01 --dimension 384");
  });
});

describe("a schema", () => {
  test("falls into tables and constraints, with values filled in", () => {
    const text = `-- A comment; with a semicolon
CREATE TABLE items (
  id bigint PRIMARY KEY, -- beside a column
  embedding vector({dimension})
);

ALTER TABLE items ADD CONSTRAINT items_owner
  FOREIGN KEY (id) REFERENCES owners;
`;
    const schema = parseSchema(text, { dimension: 3 });
    expect(schema.tables.get("items")).toContain("vector(3)");
    expect(schema.constraints).toEqual([
      {
        table: "items",
        name: "items_owner",
        sql: "ALTER TABLE items ADD CONSTRAINT items_owner\n  FOREIGN KEY (id) REFERENCES owners",
      },
    ]);
  });

  test("holds nothing else", () => {
    expect(() => parseSchema("DROP TABLE items;\n", {})).toThrow("not `DROP TABLE items`");
    expect(() => parseSchema("CREATE TABLE a (v vector({size}));\n", {})).toThrow("no value for {size}");
  });
});
