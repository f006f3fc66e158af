import type { Client } from "pg";
import type { ColumnIndex } from "../catalogue/entries.ts";
import { qualified, readable } from "../plan/statement.ts";
import type { Failure } from "./failure.ts";

/** How many values stand in the way of a unique index. The values themselves may be personal: a query lists them. */
export async function explainDuplicates(client: Client, entry: ColumnIndex): Promise<Failure> {
  const query = duplicatesQuery(entry);
  const { rows } = await client.query(
    `SELECT count(*)::int AS values, coalesce(sum(rows), 0)::int AS rows FROM (${query}) d`,
  );
  const keys = entry.keys.map((key) => key.column ?? key.sql).join(", ");
  return {
    reason: `${rows[0].values} values of (${keys}) occur more than once in ${readable(entry.table)}, in ${rows[0].rows} rows`,
    todo: `Keep one row of each, then run this again. They are: ${query} ORDER BY rows DESC;`,
  };
}

/** Rows with a null among their keys are never duplicates. */
export function duplicatesQuery({ keys, table, where }: ColumnIndex): string {
  const parts = keys.map((key) => key.sql);
  const conditions = [
    ...parts.map((part) => `${part} IS NOT NULL`),
    ...(where === null ? [] : [`(${where})`]),
  ];
  return (
    `SELECT ${parts.join(", ")}, count(*) AS rows FROM ${qualified(table)}` +
    ` WHERE ${conditions.join(" AND ")} GROUP BY ${parts.join(", ")} HAVING count(*) > 1`
  );
}
