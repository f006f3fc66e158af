import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ivfflatLists, ivfflatProbes } from "../../operations/vectors/parameters.ts";
import type { VectorReport } from "../../operations/vectors/report.ts";
import { Stack } from "./stack.ts";

/** Sample data in a real database, interrupted and repeated, and what vector indexes on it give. */
const stack = new Stack("examples");

interface LoadReport {
  tables: Record<string, number>;
  loaded: string[];
  bytes: number;
  leftAlone?: string;
}

const load = (example: string, ...options: string[]) =>
  stack.json<LoadReport>("example", "load", stack.name, example, ...options);
const drop = (example: string) =>
  stack.json<{ dropped: string[] }>("example", "drop", stack.name, example, "--yes");
const rowsOf = async (tables: string[]) => {
  const counts = tables.map((table) => `'${table}', (select count(*) from ${table})`);
  return JSON.parse(await stack.sql(`select json_build_object(${counts.join(", ")})`)) as Record<
    string,
    number
  >;
};

beforeAll(async () => {
  await stack.reset();
  stack.configure({ "phasewise:redis": undefined });
  await stack.up();
});

afterAll(() => stack.remove());

describe.sequential("examples", () => {
  test("a first start loads where nothing is, and a second one changes nothing", async () => {
    const first = await load("fastbots", "--if-empty");
    expect(first.loaded).toContain("document_chunks");
    const second = await load("fastbots", "--if-empty");
    expect(second).toMatchObject({ loaded: [], bytes: 0, tables: first.tables });
    expect(second.leftAlone).toBeUndefined();
  });

  test("all of them fit into one database, with the rows that they say, and load once", async () => {
    const listed = await stack.json<{ name: string; tables: Record<string, number> }[]>("example", "list");
    expect(listed.map(({ name }) => name)).toEqual([
      "data-layer",
      "fastbots",
      "replyx",
      "ventures",
      "zantara",
    ]);
    for (const { name, tables } of listed) expect((await load(name)).tables).toEqual(tables);
    const all = Object.assign({}, ...listed.map(({ tables }) => tables)) as Record<string, number>;
    expect(await rowsOf(Object.keys(all))).toEqual(all);
    for (const { name } of listed) expect(await load(name)).toMatchObject({ loaded: [], bytes: 0 });
    const broken = "select count(*) from pg_constraint where contype = 'f' and not convalidated";
    expect(await stack.sql(broken)).toBe("0");
    expect(Number(await stack.sql("select count(*) from pg_constraint where contype = 'f'"))).toBeGreaterThan(
      12,
    );
  });

  test("a partition holds the rows of its month", async () => {
    const outside =
      "select count(*) from metric_data_2026_05 where timestamp < '2026-05-01' or timestamp >= '2026-06-01'";
    expect(await stack.sql(outside)).toBe("0");
    expect(Number(await stack.sql("select count(*) from metric_data_2026_05"))).toBeGreaterThan(1000);
  });

  test("other settings than those that are loaded are refused, and nothing is touched", async () => {
    const outcome = await stack.run("example", "load", stack.name, "fastbots", "--size", "3");
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("the table messages is loaded with --size 40 --seed 1");
    expect(await stack.sql("select count(*) from organizations")).toBe("40");
  });
});

describe.sequential("a killed load", () => {
  test("is gone on with: exactly the rows that were asked for", async () => {
    await drop("fastbots");
    expect(await stack.sql("select to_regclass('messages') is null")).toBe("t");
    const run = stack.start(["example", "load", stack.name, "fastbots", "--size", "100"]);
    await new Promise<void>((resolve) => {
      run.stderr?.on("data", (text: Buffer) => {
        if (String(text).includes("document_chunks")) resolve();
      });
    });
    run.kill("SIGKILL");
    await run;
    expect(await stack.sql("select to_regclass('messages') is null")).toBe("t");
    const report = await load("fastbots", "--size", "100");
    expect(report.loaded).not.toContain("organizations");
    expect(report.loaded).toContain("messages");
    expect(report.tables).toMatchObject({ document_chunks: 20_000, messages: 72_000 });
    expect(await rowsOf(Object.keys(report.tables))).toEqual(report.tables);
  });

  test("between the tables and their keys is gone on with as well", async () => {
    const keys = "select count(*) from pg_constraint where conrelid = 'messages'::regclass and contype = 'f'";
    await stack.sql("alter table messages drop constraint messages_conversation");
    expect(await stack.sql(keys)).toBe("0");
    expect((await load("fastbots", "--size", "100")).loaded).toEqual([]);
    expect(await stack.sql(keys)).toBe("1");
  });

  test("the same by Ctrl-C, which says that nothing is half done", async () => {
    await drop("fastbots");
    const run = stack.start(["example", "load", stack.name, "fastbots", "--size", "100"]);
    await new Promise<void>((resolve) => {
      run.stderr?.on("data", (text: Buffer) => {
        if (String(text).includes("document_chunks")) resolve();
      });
    });
    run.kill("SIGINT");
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(130);
    expect(stderr).toContain("nothing is half done");
    expect((await load("fastbots", "--size", "100")).loaded).toContain("messages");
  });
});

describe.sequential("vectors", () => {
  const measure = (...options: string[]) =>
    stack.json<VectorReport>("vectors", stack.name, "--queries", "40", ...options);

  test("HNSW with pgvector's defaults finds what exact search finds", async () => {
    await stack.sql("create index by_l2 on document_chunks using hnsw (embedding vector_l2_ops)");
    const report = await measure("--table", "document_chunks");
    expect(report).toMatchObject({ index: "by_l2", operator: "<->", dimension: 384, queries: 40 });
    expect(report.settings.find(({ value }) => value === 80)?.recall).toBeGreaterThan(0.9);
    expect(report.reaches["0.95"]).not.toBeNull();
    expect(report.today.plan).toBe("by_l2");
    expect(report.today.p95).toBeLessThan(200);
  });

  test("IVFFlat with the computed lists and probes finds nine of ten", async () => {
    const rows = Number(await stack.sql("select count(*) from knowledge_embeddings"));
    const lists = ivfflatLists({ rows });
    await stack.sql(
      `create index by_cosine on knowledge_embeddings using ivfflat (embedding vector_cosine_ops) with (lists = ${lists})`,
    );
    const report = await measure("--table", "knowledge_embeddings");
    expect(report).toMatchObject({ index: "by_cosine", operator: "<=>" });
    const computed = report.settings.find(({ value }) => value === ivfflatProbes({ lists }));
    expect(computed?.recall).toBeGreaterThan(0.9);
    // All lists are exact search.
    expect(report.settings.at(-1)).toMatchObject({ value: lists, recall: 1 });
  });

  test("an operator that the index does not serve is told, with the class that would", async () => {
    const report = await measure("--table", "document_chunks", "--operator", "<=>");
    expect(report.index).toBeNull();
    expect(report.today.plan).toBe("seq scan");
    expect(report.warnings.join("\n")).toContain("Build one with vector_cosine_ops, or search by <->");
  });

  test("a column whose rows have several dimensions is refused, with how many have which", async () => {
    await stack.sql(
      "create table mixed (v vector); insert into mixed values ('[1,2]'), ('[1,2]'), ('[1,2,3]')",
    );
    const outcome = await stack.run("vectors", stack.name, "--table", "mixed");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain("2 rows of 2 dimensions");
    await stack.sql("drop table mixed");
  });
});

describe.sequential("what is not an example's", () => {
  test("is never written over, and stays when an example is dropped", async () => {
    await drop("fastbots");
    await stack.sql("create table users (id int); insert into users values (1)");
    const outcome = await stack.run("example", "load", stack.name, "fastbots");
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("the table users is there, and is not of this example");
    const first = await load("fastbots", "--if-empty");
    expect(first).toMatchObject({ loaded: [], leftAlone: expect.stringContaining("has tables already") });
    expect((await drop("replyx")).dropped).toContain("dialogs");
    expect(await stack.sql("select count(*) from users")).toBe("1");
    expect(await stack.sql("select to_regclass('organizations') is null")).toBe("t");
  });
});
