import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  nearNames,
  plain,
  type Relation,
  renamingSql,
  renamings,
} from "../../../../../operations/restore/copy/names.ts";

const relation = (kind: Relation["kind"], name: string, schema = "public"): Relation => ({
  kind,
  schema,
  name,
});
const orders = { schema: "public", name: "orders" };

describe("a copy under another name", () => {
  const all = [
    relation("table", "orders"),
    relation("table", "orders_2025"),
    relation("table", "old", "archive"),
    relation("index", "orders_pkey"),
    relation("index", "by_customer"),
    relation("sequence", "orders_id_seq"),
  ];

  test("takes all that belongs to the table with it", () => {
    const renamed = renamings(all, orders, { schema: "reporting", name: "orders_before" });
    expect(renamed.map((one) => `${plain(one.relation)} > ${plain(one.to)}`)).toEqual([
      "public.orders > reporting.orders_before",
      "public.orders_2025 > reporting.orders_before_2025",
      "archive.old > archive.orders_before_old",
      "public.orders_pkey > reporting.orders_before_pkey",
      "public.by_customer > reporting.orders_before_by_customer",
      "public.orders_id_seq > reporting.orders_before_id_seq",
    ]);
  });

  test("goes by way of names that nothing has, and tables alone change the schema", () => {
    const two = [relation("table", "orders"), relation("index", "orders_pkey")];
    expect(renamingSql(renamings(two, orders, { schema: "b", name: "O" }))).toEqual([
      'ALTER TABLE "public"."orders" RENAME TO phasewise_copy_0',
      'ALTER INDEX "public"."orders_pkey" RENAME TO phasewise_copy_1',
      'ALTER TABLE "public"."phasewise_copy_0" SET SCHEMA "b"',
      'ALTER TABLE "b"."phasewise_copy_0" RENAME TO "O"',
      'ALTER INDEX "b"."phasewise_copy_1" RENAME TO "O_pkey"',
    ]);
  });

  test("is refused where two names would be one, cut at what PostgreSQL keeps", () => {
    const long = "x".repeat(63);
    expect(() => renamings(all, orders, { schema: "public", name: long })).toThrow(
      `two relations would be called public.${long}: give a shorter name`,
    );
  });

  test("has names that PostgreSQL keeps whole, each once", () => {
    const name = fc
      .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
      .filter((text) => !text.includes("."));
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 6 }), name, (names, to) => {
        const parts = names.map((one) => relation("table", one));
        const target = { schema: "public", name: to };
        let renamed: ReturnType<typeof renamings>;
        try {
          renamed = renamings(parts, { schema: "public", name: names[0]! }, target);
        } catch (error) {
          expect(String(error)).toContain("give a shorter name");
          return;
        }
        const after = parts.map((part) => renamed.find((one) => one.relation === part)?.to.name ?? part.name);
        expect(after[0]).toBe(to);
        expect(new Set(after).size).toBe(after.length);
        for (const one of after) expect(Buffer.byteLength(one)).toBeLessThanOrEqual(63);
      }),
    );
  });
});

describe("names that are near", () => {
  const names = ["public.orders", "archive.orders", "public.order_lines", "public.customers"];
  test.each([
    ["public.oders", ["public.orders", "archive.orders"]],
    ["sales.orders", ["public.orders", "archive.orders"]],
    [
      "public.zzzzzzzzzzzzzzzzzzzzzzz",
      ["archive.orders", "public.customers", "public.order_lines", "public.orders"],
    ],
  ])("%s", (word, near) => {
    expect(nearNames(word, names)).toEqual(near);
  });

  test("of nothing there are none", () => expect(nearNames("public.a", [])).toEqual([]));
});
