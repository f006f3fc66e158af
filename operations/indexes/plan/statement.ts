import type { ColumnIndex, KeyPart, TableName } from "../catalogue/entries.ts";
import { quoteIdentifier } from "../catalogue/keyPart.ts";

/** PostgreSQL cuts longer names off (NAMEDATALEN - 1). */
const nameLimit = 63;

/** The part of a CREATE INDEX that says what the index is: all but its name and table. */
export interface IndexShape {
  unique: boolean;
  /** From "USING" on, without storage parameters. */
  using: string;
  where: string | null;
  /** Storage parameters to build it with. */
  options: Record<string, number>;
}

export function qualified({ schema, name }: TableName): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** For people: without quotes, and without the schema that everything is in. */
export function readable({ schema, name }: TableName): string {
  return schema === "public" ? name : `${schema}.${name}`;
}

export function columnShape(entry: ColumnIndex): IndexShape {
  const include =
    entry.include.length > 0 ? ` INCLUDE (${entry.include.map(quoteIdentifier).join(", ")})` : "";
  return {
    unique: entry.unique,
    using: `USING ${entry.method} (${entry.keys.map(keyText).join(", ")})${include}`,
    where: entry.where,
    options: {},
  };
}

function keyText({ sql, operatorClass, descending, nulls }: KeyPart): string {
  return [sql, operatorClass, descending ? "DESC" : null, nulls && `NULLS ${nulls.toUpperCase()}`]
    .filter((part) => part !== null)
    .join(" ");
}

/** @param how CONCURRENTLY, or ONLY for a partitioned table. */
export function createIndex(
  name: string,
  table: TableName,
  shape: IndexShape,
  how: "concurrently" | "only" | "plain",
): string {
  const options = Object.entries(shape.options).map(([key, value]) => `${key} = ${value}`);
  return [
    `CREATE ${shape.unique ? "UNIQUE " : ""}INDEX`,
    how === "concurrently" ? "CONCURRENTLY" : null,
    quoteIdentifier(name),
    `ON ${how === "only" ? "ONLY " : ""}${qualified(table)}`,
    shape.using,
    options.length > 0 ? `WITH (${options.join(", ")})` : null,
    shape.where === null ? null : `WHERE ${shape.where}`,
  ]
    .filter((part) => part !== null)
    .join(" ");
}

/** A name made of two, cut where it is too long for PostgreSQL; a hash keeps it apart from others then. */
export function joinedName(first: string, second: string): string {
  const whole = `${first}_${second}`;
  if (whole.length <= nameLimit) return whole;
  const hash = [...whole].reduce((sum, char) => (Math.imul(sum, 31) + char.codePointAt(0)!) >>> 0, 7);
  const tail = `_${hash.toString(36)}`;
  return whole.slice(0, nameLimit - tail.length) + tail;
}
