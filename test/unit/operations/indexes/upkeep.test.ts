import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { monthsAhead, parseBounds } from "../../../../operations/indexes/plan/partitions.ts";
import { plan } from "../../../../operations/indexes/plan/plan.ts";
import { joinedName } from "../../../../operations/indexes/plan/statement.ts";
import { upkeepVersion } from "../../../../operations/indexes/upkeep/procedure.ts";
import type { Table, World } from "../../../../operations/indexes/world/world.ts";
import { catalogueOf, definitions, index, table, world } from "./world.ts";

describe("partition rules", () => {
  const rule = catalogueOf("partitions:\n  - { table: m, column: at, every: month, ahead: 2, why: w }\n");
  const parent = table(1, "m", { kind: "partitioned", partitionKey: "RANGE (at)" });
  const part = (oid: number, name: string, from: string, to: string): Table =>
    table(oid, name, { parent: 1, bounds: `FOR VALUES FROM ('${from}') TO ('${to}')` });
  const verdict = (...tables: Table[]) => plan([rule], world({ tables })).entries[0]!.verdict;

  it("make the months that are missing, each in one transaction", () => {
    const made = verdict(parent, part(2, "m_2026_11", "2026-11-01 00:00:00+00", "2026-12-01 00:00:00+00"));
    expect(made).toMatchObject({
      kind: "work",
      steps: [{ title: "make the partition m_2026_12" }, { title: "make the partition m_2027_01" }],
    });
    expect(made.kind === "work" && made.steps[0]).toMatchObject({
      sql: [
        'CREATE TABLE "public"."m_2026_12" (LIKE "public"."m" INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION)',
        `ALTER TABLE "public"."m" ATTACH PARTITION "public"."m_2026_12" FOR VALUES FROM ('2026-12-01') TO ('2027-01-01')`,
      ],
      undo: { kind: "partition", schema: "public", name: "m_2026_12" },
      lock: "brief",
    });
  });

  it("are kept where wider partitions cover the months", () => {
    expect(verdict(parent, part(2, "all", "2026-01-01", "2028-01-01"))).toEqual({
      kind: "present",
      note: null,
    });
    expect(
      verdict(parent, table(2, "open", { parent: 1, bounds: "FOR VALUES FROM (MINVALUE) TO (MAXVALUE)" }))
        .kind,
    ).toBe("present");
  });

  it("fail where a partition lies across a month, and where the key is another", () => {
    expect(verdict(parent, part(2, "odd", "2026-11-15", "2026-12-15"))).toMatchObject({
      kind: "failed",
      reason: "m has a partition from 2026-11-15 to 2026-12-15, which lies across the month from 2026-11-01",
    });
    expect(verdict({ ...parent, partitionKey: "LIST (kind)" })).toMatchObject({
      kind: "failed",
      reason: "m is partitioned by LIST (kind), the catalogue says by range of at",
    });
  });

  it("skip a table that is not partitioned, and say where it is told how it becomes so", () => {
    expect(verdict(table(1, "m"))).toMatchObject({
      kind: "skipped",
      reason: expect.stringContaining("docs/indexes.md"),
    });
  });
});

it("months ahead touch each other, begin with this one and are whole", () => {
  const dates = fc.date({ min: new Date("2000-01-01"), max: new Date("2099-01-01"), noInvalidDate: true });
  fc.assert(
    fc.property(dates, fc.integer({ min: 1, max: 24 }), (date, ahead) => {
      const months = monthsAhead(date.toISOString(), ahead);
      expect(months).toHaveLength(ahead + 1);
      expect(months[0]!.from).toBe(`${date.toISOString().slice(0, 7)}-01`);
      for (const [at, month] of months.entries()) {
        expect(month.from.endsWith("-01") && month.from < month.to).toBe(true);
        if (at > 0) expect(month.from).toBe(months[at - 1]!.to);
      }
    }),
  );
});

it("bounds are read as PostgreSQL prints them", () => {
  expect(parseBounds("FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 12:00:00+00')")).toEqual({
    from: "2026-11-01",
    to: "2026-12-01 12:00:00",
  });
  expect(parseBounds("FOR VALUES FROM ('2026-11-01') TO ('2026-12-01')")).toEqual({
    from: "2026-11-01",
    to: "2026-12-01",
  });
  expect(parseBounds("DEFAULT")).toBeNull();
  expect(parseBounds("FOR VALUES IN ('a')")).toBeNull();
});

it("a name made of two fits PostgreSQL and stays apart from others", () => {
  expect(joinedName("idx", "t")).toBe("idx_t");
  const [one, two] = ["a", "b"].map((end) => joinedName("i".repeat(50), `partition_of_${end}`));
  expect(one).toHaveLength(63);
  expect(one).not.toBe(two);
});

describe("a materialized view", () => {
  const views = catalogueOf(
    "materializedViews:\n  - { name: v, query: select a from t, unique: [a], refresh: every 6 hours, why: w }\n",
  );
  const known = definitions({ v: " SELECT a\n   FROM t;" }, "view");
  const view = table(1, "v", { kind: "materialized view", query: " SELECT a\n   FROM t;" });
  const unique = index(2, 1, "v_unique", "USING btree (a)", { unique: true, keys: ["1:1:0:0"] });
  const planned = (parts: Partial<World>) => plan([views], world({ definitions: known, ...parts }));

  it("is made with its unique index in one transaction, and put on the schedule", () => {
    const { entries, upkeep } = planned({});
    expect(entries[0]!.verdict).toMatchObject({
      kind: "work",
      repaired: false,
      steps: [
        {
          sql: [
            'CREATE MATERIALIZED VIEW "public"."v" AS\nselect a from t',
            'CREATE UNIQUE INDEX "v_unique" ON "public"."v" USING btree ("a")',
          ],
        },
      ],
    });
    expect(upkeep.map((step) => step.title)).toEqual([
      "install the upkeep of views and partitions",
      "refresh v every 360 minutes",
    ]);
  });

  it("that is there, kept up as asked, needs nothing", () => {
    const upkeep = {
      version: upkeepVersion,
      refreshes: [{ schema: "public", name: "v", minutes: 360 }],
      partitions: [],
    };
    expect(planned({ tables: [view], indexes: [unique], upkeep })).toMatchObject({
      entries: [{ verdict: { kind: "present" } }],
      upkeep: [],
    });
  });

  it("without a unique index that a refresh can use gets one", () => {
    const partial = { ...unique, predicate: "a > 0" };
    expect(planned({ tables: [view], indexes: [partial] }).entries[0]!.verdict).toMatchObject({
      kind: "work",
      repaired: true,
      steps: [{ sql: ['CREATE UNIQUE INDEX CONCURRENTLY "v_unique" ON "public"."v" USING btree ("a")'] }],
    });
  });

  it("with another query is left as it is", () => {
    expect(planned({ tables: [{ ...view, query: " SELECT 1;" }] }).entries[0]!.verdict).toMatchObject({
      kind: "failed",
      reason: "v exists and is a materialized view with another query",
    });
  });
});
