import { describe, expect, test } from "vitest";
import { exampleNames, findExample } from "../../../operations/examples/find.ts";
import { parseSchema } from "../../../operations/examples/schema.ts";
import { builtInCatalogues, loadCatalogues } from "../../../operations/indexes/catalogue/load.ts";

const names = await exampleNames();
const catalogues = await loadCatalogues(names);

test("each example has its catalogue", async () => {
  expect((await builtInCatalogues()).sort()).toEqual(names);
});

describe.each(catalogues)("the catalogue $name", (catalogue) => {
  test("names tables and columns that the example has", async () => {
    const { schema } = await findExample(catalogue.name);
    const { tables } = parseSchema(schema, { dimension: 384 });
    const expectColumns = (table: string, columns: (string | null)[]) => {
      for (const column of columns)
        if (column !== null)
          expect(tables.get(table), `${table}.${column}`).toMatch(new RegExp(`^  ${column} `, "m"));
    };
    for (const index of catalogue.indexes) {
      const columns = index.type === "vector" ? [index.column] : index.keys.map(({ column }) => column);
      expectColumns(index.table.name, columns);
    }
    for (const { table, column } of catalogue.partitions) expectColumns(table.name, [column]);
  });

  test("has an index for each foreign key: deleting what it refers to reads no whole table", async () => {
    const { schema } = await findExample(catalogue.name);
    for (const { table, sql } of parseSchema(schema, { dimension: 384 }).constraints) {
      const key = /FOREIGN KEY \((\w+)\)/.exec(sql)?.[1];
      const leads = catalogue.indexes.some(
        (index) => index.type === "columns" && index.table.name === table && index.keys[0]?.column === key,
      );
      if (key !== undefined) expect(leads, `${table}.${key}`).toBe(true);
    }
  });
});

test("what the systems ask for by name is there", () => {
  const all = catalogues.flatMap(({ indexes }) => indexes.map(({ name }) => name));
  for (const name of [
    "idx_content_venture_created",
    "idx_calendar_venture_date_range",
    "idx_notifications_user_unread",
    "idx_messages_dialog_timestamp",
    "idx_assistants_user_active_created",
    "idx_dialogs_assistant_started",
    "idx_embeddings_assistant_importance",
    "idx_knowledge_embeddings_ivfflat",
    "idx_metric_time_name",
    "idx_metric_optimized",
  ])
    expect(all).toContain(name);
  const [view] = catalogues.flatMap(({ views }) => views);
  expect(view).toMatchObject({
    name: "venture_financial_summary",
    unique: ["venture_id", "month"],
    refreshMinutes: 60,
  });
});

test("vectors are indexed for the operator by which each system searches", () => {
  const vectors = catalogues.flatMap(({ name, indexes }) =>
    indexes.flatMap((index) =>
      index.type === "vector" ? [`${name} ${index.operator} ${index.method}`] : [],
    ),
  );
  expect(vectors).toEqual(["fastbots <-> hnsw", "replyx <=> ivfflat"]);
});
