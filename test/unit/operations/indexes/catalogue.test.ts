import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { catalogueProblem, faultText } from "../../../../operations/indexes/catalogue/fault.ts";
import { parseKeyPart } from "../../../../operations/indexes/catalogue/keyPart.ts";
import { parseCatalogue } from "../../../../operations/indexes/catalogue/parse.ts";
import { repository } from "../../../../toolchain/paths.ts";
import { catalogueOf } from "./world.ts";

function faults(text: string): string[] {
  return parseCatalogue("bad", "bad.yaml", text).faults.map(faultText);
}

describe("faults", () => {
  it("are all told at once, each with its line", () => {
    const text = `descripton: oops
indexes:
  - name: Idx
    table: a.b.c
    columns: [x, "y descc"]
  - name: i2
    kind: hnws
    table: t
  - name: i3
    table: t
    kind: ivfflat
    column: e
    operator: "<+>"
    why: x
  - name: i4
    table: t
    columns:
      - column: a
        expresion: b
      - order: up
    why: x
  - name: i5
    table: t
    columns: [a]
    why: x
  - name: i5
    table: t
    columns: [a]
    why: x
materializedViews:
  - name: v
    query: delete from x
    refresh: every 2 minutes
    why: y
partitions: nope
`;
    expect(faults(text)).toEqual([
      "bad.yaml:1  description: found nothing; allowed: a sentence that says whose indexes these are",
      "bad.yaml:1  descripton: found an unknown key; allowed: description, extensions, indexes, materializedViews, partitions (did you mean description?)",
      'bad.yaml:3  indexes[0].name: found "Idx"; allowed: a name in small letters, digits and underscores',
      "bad.yaml:3  indexes[0].why: found nothing; allowed: a sentence that says why",
      'bad.yaml:4  indexes[0].table: found "a.b.c"; allowed: a table\'s name, or schema.table',
      'bad.yaml:5  indexes[0].columns[1]: found "y descc"; allowed: a column, as `created_at desc nulls last`, or a map with column or expression, order, nulls, operatorClass',
      'bad.yaml:7  indexes[1].kind: found "hnws"; allowed: btree, gin, gist, brin, hash, trigram, fulltext, ivfflat, hnsw',
      'bad.yaml:13  indexes[2].operator: found "<+>" with ivfflat; allowed: ivfflat serves <->, <=>, <#>; taxicab (L1) distance is served by hnsw',
      "bad.yaml:19  indexes[3].columns[0].expresion: found an unknown key; allowed: column, expression, order, nulls, operatorClass (did you mean expression?)",
      'bad.yaml:20  indexes[3].columns[1].order: found "up"; allowed: asc or desc',
      "bad.yaml:26  indexes[5]: found the index public.i5 a second time; allowed: each once (it is on line 22)",
      "bad.yaml:31  materializedViews[0].unique: found nothing; allowed: a list of columns",
      'bad.yaml:32  materializedViews[0].query: found "delete from x"; allowed: a query that begins with select or with',
      'bad.yaml:33  materializedViews[0].refresh: found "every 2 minutes"; allowed: hourly, daily, or as `every 15 minutes` (5 at least)',
      'bad.yaml:35  partitions: found "nope"; allowed: a list of partition rules',
    ]);
  });

  it("of YAML itself have lines too", () => {
    expect(faults("description: x\nindexes: [a\n")[0]).toMatch(/^bad\.yaml:\d+ {2}YAML: found Flow sequence/);
    expect(faults("description: x\ndescription: y\n")[0]).toMatch(
      /^bad\.yaml:2 {2}YAML: found Map keys must be unique/,
    );
    expect(faults("")).toEqual([
      "bad.yaml:1  the file: found nothing; allowed: a map with description, extensions, indexes, materializedViews, partitions",
    ]);
  });

  it("of an entry that is no map say what it may hold", () => {
    expect(faults("description: x\npartitions: [metrics]\n")).toEqual([
      'bad.yaml:2  partitions[0]: found "metrics"; allowed: a map with table, column, every, ahead, why, source',
    ]);
  });

  it("of an operator class that cannot serve the operator name those that can", () => {
    const entry = `description: x\nindexes:\n  - { name: i, table: t, kind: hnsw, column: e, operator: "<->", operatorClass: vector_cosine_ops, why: w }\n`;
    expect(faults(entry)).toEqual([
      'bad.yaml:3  indexes[0].operatorClass: found "vector_cosine_ops", whose index cannot serve the operator <->; allowed: vector_l2_ops or halfvec_l2_ops, or leave it out: it follows from the operator',
    ]);
  });

  it("never let SQL end its statement", () => {
    const entry = (where: string) =>
      `description: x\nindexes:\n  - { name: i, table: t, columns: [a], where: "${where}", why: w }\n`;
    for (const where of ["true; drop table t", "true -- x", "true /* x */"]) {
      expect(faults(entry(where))).toHaveLength(1);
    }
    expect(faults(entry("read = false"))).toEqual([]);
  });

  it("are bad input: exit code 2, nothing changed", () => {
    const problem = catalogueProblem(parseCatalogue("bad", "bad.yaml", "indexes: 1").faults);
    expect(problem).toMatchObject({ exitCode: 2, left: "Nothing was changed." });
    expect(problem.happened).toBe("There are 2 faults in a catalogue:");
  });

  it("are found in any YAML without a crash", () => {
    const value = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(value, (content) => {
        const { catalogue, faults: found } = parseCatalogue(
          "any",
          "any.yaml",
          JSON.stringify({ indexes: content, partitions: [content] }),
        );
        expect(catalogue).toBeNull();
        expect(found.every((one) => one.line >= 1)).toBe(true);
      }),
    );
  });
});

describe("short forms", () => {
  it("of keys", () => {
    expect(parseKeyPart("Created_At DESC nulls  last")).toEqual({
      sql: '"created_at"',
      column: "created_at",
      descending: true,
      nulls: "last",
      operatorClass: null,
    });
    expect(parseKeyPart('"Odd ""Name" asc')).toMatchObject({ sql: '"Odd ""Name"', column: 'Odd "Name' });
    for (const text of ["", "a b", "a desc desc", "a nulls", "lower(a)", "a;b"])
      expect(parseKeyPart(text)).toBeNull();
  });

  it("become what PostgreSQL is told", () => {
    const { indexes } = catalogueOf(`indexes:
  - { name: a, table: t, kind: trigram, columns: [name], why: w }
  - { name: b, table: s.t, kind: fulltext, columns: [title, body], language: english, why: w }
`);
    expect(indexes).toMatchObject([
      { method: "gin", keys: [{ sql: '"name"', operatorClass: "gin_trgm_ops" }] },
      {
        table: { schema: "s", name: "t" },
        keys: [
          {
            sql: `(to_tsvector('english', coalesce("title", '') || ' ' || coalesce("body", '')))`,
            column: null,
          },
        ],
      },
    ]);
  });
});

const builtIn = readdirSync(join(repository, "catalogues")).filter((file) => file.endsWith(".yaml"));

test.each(builtIn)("the built-in catalogue %s has no fault and says why of each entry", (file) => {
  const { catalogue, faults: found } = parseCatalogue(
    "x",
    file,
    readFileSync(join(repository, "catalogues", file), "utf8"),
  );
  expect(found.map(faultText)).toEqual([]);
  const entries = [...catalogue!.indexes, ...catalogue!.views, ...catalogue!.partitions];
  expect(entries.length).toBeGreaterThan(0);
  expect(entries.every((one) => one.why.length > 3)).toBe(true);
});

test("the sample of the documentation is a catalogue without faults", () => {
  const text = readFileSync(join(repository, "docs/indexes.md"), "utf8");
  const samples = [...text.matchAll(/```yaml\n(description: .*?)```/gs)].map((match) => match[1]!);
  expect(samples).toHaveLength(1);
  expect(faults(samples[0]!)).toEqual([]);
});
