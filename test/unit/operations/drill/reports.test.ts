import { expect, test } from "vitest";
import { lastGoodDrill, reportKey } from "../../../../operations/drill/reports.ts";

/** A bucket by its keys. */
function storeOf(reports: Record<string, unknown>) {
  return {
    keys: async (prefix: string) =>
      Object.keys(reports)
        .filter((key) => key.startsWith(prefix))
        .sort(),
    get: async (key: string) => reports[key] ?? null,
  };
}

const at = (kind: "restore" | "disaster", day: number) =>
  reportKey(kind, "main", new Date(`2026-11-${String(day).padStart(2, "0")}T02:00:00Z`));
const report = (ok: boolean, day: number, lost: string | null) => ({
  ok,
  lost,
  startedAt: `2026-11-${String(day).padStart(2, "0")}T02:00:00Z`,
  rtoSeconds: day,
  rpoSeconds: 61,
});

test("the newest good drill of a kind counts, whatever came after it", async () => {
  const store = storeOf({
    [at("restore", 3)]: report(true, 3, null),
    [at("restore", 4)]: report(true, 4, null),
    [at("restore", 5)]: report(false, 5, null),
    [at("disaster", 9)]: report(true, 9, "everything"),
  });
  expect(await lastGoodDrill(store, "restore", "main")).toMatchObject({ rtoSeconds: 4, lost: null });
  expect(await lastGoodDrill(store, "disaster", "main")).toMatchObject({ rtoSeconds: 9, lost: "everything" });
  expect(await lastGoodDrill(store, "disaster", "other")).toBeNull();
});

test("a report of before there were disasters is one of a restore", async () => {
  const { lost: _, ...old } = report(true, 3, null);
  expect(await lastGoodDrill(storeOf({ [at("restore", 3)]: old }), "restore", "main")).toMatchObject({
    lost: null,
  });
});
