import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Settings } from "../../../examples/generate/example.ts";
import { copyChunks } from "../../../operations/examples/copy.ts";
import { exampleNames, findExample } from "../../../operations/examples/find.ts";
import { parseSchema } from "../../../operations/examples/schema.ts";

const settings: Settings = { seed: "test", size: 3, until: "2026-07-01", dimension: 16 };
const found = await Promise.all((await exampleNames()).map(findExample));

describe.each(found)("$name", ({ example, schema }) => {
  const hashes = (wishes: Settings) =>
    example.tables(wishes).map((table) => {
      const hash = createHash("sha256");
      for (const [chunk] of copyChunks(table)) hash.update(chunk);
      return `${table.name} ${hash.digest("hex")}`;
    });

  test("the same settings give the same bytes, another seed others", () => {
    expect(hashes(settings)).toEqual(hashes(settings));
    const other = hashes({ ...settings, seed: "other" });
    for (const line of hashes(settings)) expect(other).not.toContain(line);
  });

  test("a table is the same whether others were written before it or not, and once more", () => {
    const table = example.tables(settings).at(-1)!;
    const bytes = () => Buffer.concat([...copyChunks(table)].map(([chunk]) => chunk));
    const first = createHash("sha256").update(bytes()).digest("hex");
    expect(`${table.name} ${createHash("sha256").update(bytes()).digest("hex")}`).toBe(
      `${table.name} ${first}`,
    );
    expect(hashes(settings)).toContain(`${table.name} ${first}`);
  });

  test("each table has as many rows as it says", () => {
    for (const table of example.tables(settings)) {
      const rows = [...copyChunks(table)].at(-1)![1];
      expect({ table: table.name, rows }).toEqual({ table: table.name, rows: table.rows });
    }
  });

  test("the schema makes each table with the columns that are filled, and no other table", () => {
    const { tables, constraints } = parseSchema(schema, { ...settings });
    const filled = example.tables(settings);
    expect([...tables.keys()].sort()).toEqual(filled.map(({ name }) => name).sort());
    for (const { name, columns } of filled) {
      for (const column of columns) expect(tables.get(name)).toMatch(new RegExp(`^  ${column} `, "m"));
    }
    for (const { table } of constraints) expect([...tables.keys()]).toContain(table);
  });

  test("a larger scale holds more", () => {
    const { small, medium, large } = example.scales;
    expect(small).toBeLessThan(medium);
    expect(medium).toBeLessThan(large);
  });
});

test("no two examples have a table of the same name: all fit into one database", () => {
  const names = found.flatMap(({ example }) => example.tables(settings).map(({ name }) => name));
  expect(names.length).toBe(new Set(names).size);
});
