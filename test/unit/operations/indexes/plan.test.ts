import { describe, expect, it } from "vitest";
import type { Catalogue } from "../../../../operations/indexes/catalogue/entries.ts";
import { plan, type Verdict } from "../../../../operations/indexes/plan/plan.ts";
import type { World } from "../../../../operations/indexes/world/world.ts";
import { catalogueOf, definitions, index, table, world } from "./world.ts";

/** A verdict as lines that can be read: its kind, its note or reason, its SQL. */
function told(verdict: Verdict): string[] {
  switch (verdict.kind) {
    case "present":
      return [verdict.note ? `present: ${verdict.note}` : "present"];
    case "skipped":
      return [`skipped: ${verdict.reason}`];
    case "failed":
      return [`failed: ${verdict.reason}`, verdict.todo];
    case "work":
      return [verdict.repaired ? "repaired" : "created", ...verdict.steps.flatMap((step) => step.sql)];
  }
}

const planned = (catalogue: Catalogue, there: World) =>
  plan([catalogue], there).entries.map(({ verdict }) => told(verdict));

const orders = catalogueOf(`indexes:
  - { name: idx_orders, table: orders, columns: [customer_id, created_at desc], include: [total], where: open, why: w }
`);
const body = "USING btree (customer_id, created_at DESC) INCLUDE (total) WHERE open";
const known = definitions({ idx_orders: body });

describe("an index", () => {
  const there = (...indexes: World["indexes"]) =>
    world({ tables: [table(1, "orders")], indexes, definitions: known });

  it("that is missing is built concurrently", () => {
    expect(planned(orders, there())).toEqual([
      [
        "created",
        'CREATE INDEX CONCURRENTLY "idx_orders" ON "public"."orders" USING btree ("customer_id", "created_at" DESC) INCLUDE ("total") WHERE open',
      ],
    ]);
  });

  it("that is there under any name is present", () => {
    expect(planned(orders, there(index(2, 1, "idx_orders", body)))).toEqual([["present"]]);
    expect(planned(orders, there(index(2, 1, "older_name", body)))).toEqual([["present: as older_name"]]);
    expect(planned(orders, there(index(2, 1, "orders_key", body, { unique: true })))).toEqual([
      ["present: as orders_key"],
    ]);
  });

  it("of its name with another definition is a failure that says what to do", () => {
    expect(planned(orders, there(index(2, 1, "idx_orders", "USING btree (customer_id)")))).toEqual([
      [
        "failed: idx_orders exists with another definition: USING btree (customer_id)",
        'Correct line 3 of test, or take the index away: DROP INDEX CONCURRENTLY "public"."idx_orders";',
      ],
    ]);
  });

  it("that was left half-made, by us or under another name, is dropped and built again", () => {
    const half = [
      index(2, 1, "idx_orders", "USING btree (customer_id)", { valid: false }),
      index(3, 1, "x_ccnew", body, { valid: false }),
      index(4, 1, "others", "USING btree (total)", { valid: false }),
    ];
    const [verdict] = planned(orders, there(...half));
    expect(verdict?.slice(0, 3)).toEqual([
      "repaired",
      'DROP INDEX CONCURRENTLY IF EXISTS "public"."idx_orders"',
      'DROP INDEX CONCURRENTLY IF EXISTS "public"."x_ccnew"',
    ]);
    expect(verdict).toHaveLength(4);
  });

  it("whose half-made twin lies beside it only loses the twin", () => {
    const both = [index(2, 1, "idx_orders", body), index(3, 1, "x_ccnew", body, { valid: false })];
    expect(planned(orders, there(...both))).toEqual([
      ["repaired", 'DROP INDEX CONCURRENTLY IF EXISTS "public"."x_ccnew"'],
    ]);
  });

  it("that another session builds right now is left to it", () => {
    const building = there(index(2, 1, "idx_orders", body, { valid: false }));
    expect(planned(orders, { ...building, underConstruction: [{ index: 2, pid: 77 }] })[0]?.[0]).toBe(
      "failed: idx_orders is being built by another session (process 77 of the server)",
    );
  });

  it("of a table or column that is missing is skipped, with the reason; of a view it fails", () => {
    expect(planned(orders, world({ definitions: known }))).toEqual([["skipped: there is no table orders"]]);
    const missing = {
      "test:index:public.idx_orders": { ok: false, missing: true, message: 'column "open" does not exist' },
    } as const;
    expect(planned(orders, world({ tables: [table(1, "orders")], definitions: missing }))).toEqual([
      ['skipped: column "open" does not exist'],
    ]);
    expect(
      planned(orders, world({ tables: [table(1, "orders", { kind: "other" })], definitions: known }))[0]?.[0],
    ).toBe("failed: orders is no table and takes no index");
  });

  it("that two catalogues ask for is made once", () => {
    const entries = plan([orders, orders], there()).entries;
    expect(entries.map(({ verdict }) => told(verdict)[0])).toEqual([
      "created",
      "skipped: test asks for an index of this name already (line 3)",
    ]);
  });
});

describe("an index of a partitioned table", () => {
  const metrics = catalogueOf(`indexes:
  - { name: idx_m, table: metrics, columns: [name], why: w }
`);
  const using = "USING btree (name)";
  const tables = [
    table(1, "metrics", { kind: "partitioned", partitionKey: "RANGE (at)" }),
    table(2, "metrics_a", { parent: 1 }),
    table(3, "metrics_b", { parent: 1 }),
  ];
  const there = (...indexes: World["indexes"]) =>
    world({ tables, indexes, definitions: definitions({ idx_m: using }) });
  const parent = index(10, 1, "idx_m", using, { valid: false });

  it("is made empty, then built on each partition and attached", () => {
    expect(planned(metrics, there())).toEqual([
      [
        "created",
        'CREATE INDEX "idx_m" ON ONLY "public"."metrics" USING btree ("name")',
        'CREATE INDEX CONCURRENTLY "idx_m_metrics_a" ON "public"."metrics_a" USING btree ("name")',
        'ALTER INDEX "public"."idx_m" ATTACH PARTITION "public"."idx_m_metrics_a"',
        'CREATE INDEX CONCURRENTLY "idx_m_metrics_b" ON "public"."metrics_b" USING btree ("name")',
        'ALTER INDEX "public"."idx_m" ATTACH PARTITION "public"."idx_m_metrics_b"',
      ],
    ]);
  });

  it("goes on where a killed run stopped: attached, built, half-made or not begun", () => {
    const attached = index(11, 2, "idx_m_metrics_a", using, { parent: 10 });
    const half = index(12, 3, "idx_m_metrics_b", using, { valid: false });
    expect(planned(metrics, there(parent, attached, half))).toEqual([
      [
        "repaired",
        'DROP INDEX CONCURRENTLY IF EXISTS "public"."idx_m_metrics_b"',
        'CREATE INDEX CONCURRENTLY "idx_m_metrics_b" ON "public"."metrics_b" USING btree ("name")',
        'ALTER INDEX "public"."idx_m" ATTACH PARTITION "public"."idx_m_metrics_b"',
      ],
    ]);
    expect(planned(metrics, there(parent, attached, { ...half, valid: true }))[0]).toEqual([
      "repaired",
      'ALTER INDEX "public"."idx_m" ATTACH PARTITION "public"."idx_m_metrics_b"',
    ]);
    expect(planned(metrics, there({ ...parent, valid: true }))).toEqual([["present"]]);
  });

  it("takes a partition's own index of before, and would bring it back", () => {
    const own = index(11, 2, "mine", using);
    const [first] = plan([metrics], there(own)).entries;
    const steps = first?.verdict.kind === "work" ? first.verdict.steps : [];
    expect(steps.map((step) => step.sql[0])).toContain(
      'ALTER INDEX "public"."idx_m" ATTACH PARTITION "public"."mine"',
    );
    expect(steps[0]?.undo).toEqual({
      kind: "partitioned index",
      schema: "public",
      name: "idx_m",
      restore: ['CREATE INDEX CONCURRENTLY "mine" ON "public"."metrics_a" USING btree ("name")'],
    });
  });

  it("must contain the partition key where it is unique", () => {
    const unique = catalogueOf(
      `indexes:\n  - { name: idx_m, table: metrics, columns: [name], unique: true, why: w }\n`,
    );
    expect(planned(unique, there())).toEqual([
      [
        "failed: metrics is partitioned by at, which a unique index must contain",
        "Add at to the columns on line 3.",
      ],
    ]);
  });
});

describe("a vector index", () => {
  const entry = (parts: string) =>
    catalogueOf(`indexes:\n  - { name: idx_v, table: docs, column: e, operator: "<=>", why: w, ${parts} }\n`);
  const there = (
    column: Partial<World["vectorColumns"][number]> | null,
    rows = 100_000,
    ...indexes: World["indexes"]
  ) =>
    world({
      tables: [table(1, "docs", { rows })],
      indexes,
      vectorColumns: column
        ? [{ table: 1, column: "e", type: "vector", dimension: null, found: null, ...column }]
        : [],
      definitions: definitions({ idx_v: "USING ivfflat (e vector_cosine_ops)" }),
    });

  it("gets the operator's class, and parameters of the table's size", () => {
    expect(planned(entry("kind: ivfflat"), there({ dimension: 384 }))[0]?.[1]).toBe(
      'CREATE INDEX CONCURRENTLY "idx_v" ON "public"."docs" USING ivfflat ("e" vector_cosine_ops) WITH (lists = 100)',
    );
    expect(planned(entry("kind: hnsw, m: 48"), there({ dimension: 384 }))[0]?.[1]).toContain(
      "WITH (m = 48, ef_construction = 96)",
    );
  });

  it("is one on halfvec where vector has too many dimensions, and none where there are more still", () => {
    expect(planned(entry("kind: hnsw"), there({ dimension: 3072 }))[0]?.[1]).toContain(
      'USING hnsw ((("e")::halfvec(3072)) halfvec_cosine_ops)',
    );
    expect(planned(entry("kind: hnsw"), there({ dimension: 5000 }))[0]?.[0]).toBe(
      "failed: docs.e has 5000 dimensions; an index takes 4000 at most",
    );
  });

  it("takes the only dimension that a column's rows have, and refuses mixed ones with their counts", () => {
    const one = { found: [{ dimension: 8, rows: 5 }] };
    expect(planned(entry("kind: hnsw"), there(one))[0]?.[1]).toContain(
      '((("e")::vector(8)) vector_cosine_ops)',
    );
    const mixed = {
      found: [
        { dimension: 8, rows: 5 },
        { dimension: 4, rows: 1 },
      ],
    };
    expect(planned(entry("kind: hnsw"), there(mixed))[0]?.[0]).toBe(
      "failed: docs.e holds vectors of mixed dimensions: 8 (5 rows), 4 (1 row); an index takes one",
    );
    expect(planned(entry("kind: hnsw"), there({ found: [] }))[0]?.[0]).toBe(
      "skipped: docs.e declares no dimension and has no rows yet to tell it from",
    );
  });

  it("of IVFFlat waits for rows; one that is there stays", () => {
    expect(planned(entry("kind: ivfflat"), there({ dimension: 4 }, 0))[0]?.[0]).toBe(
      "skipped: docs has no rows yet: IVFFlat finds its lists among them, so load first and run this again",
    );
    const built = index(2, 1, "idx_v", "USING ivfflat (e vector_cosine_ops)", { options: ["lists=100"] });
    expect(planned(entry("kind: ivfflat"), there({ dimension: 4 }, 0, built))[0]?.[0]).toMatch(/^present/);
  });

  it("that was outgrown is present and says so; given parameters must be as given", () => {
    const built = index(2, 1, "idx_v", "USING ivfflat (e vector_cosine_ops)", { options: ["lists=100"] });
    expect(planned(entry("kind: ivfflat"), there({ dimension: 4 }, 900_000, built))).toEqual([
      [
        "present: it has 100 lists, and 900 fit the table now: ALTER INDEX idx_v SET (lists = 900); REINDEX INDEX CONCURRENTLY idx_v;",
      ],
    ]);
    expect(planned(entry("kind: ivfflat, lists: 316"), there({ dimension: 4 }, 100_000, built))[0]?.[0]).toBe(
      "failed: idx_v exists with another definition: USING ivfflat (e vector_cosine_ops) WITH (lists=100)",
    );
  });

  it("of a column that is missing is skipped, of one of another type it fails", () => {
    expect(planned(entry("kind: hnsw"), there(null))).toEqual([["skipped: there is no column docs.e"]]);
    expect(planned(entry("kind: hnsw"), there({ type: "text" }))[0]?.[0]).toBe(
      "failed: docs.e is of type text, which holds no vectors",
    );
  });
});
