import type { PartitionEntry } from "../catalogue/entries.ts";
import type { World } from "../world/world.ts";
import type { Verdict } from "./plan.ts";
import { joinedName, qualified, readable } from "./statement.ts";
import type { Step } from "./steps.ts";

/** A range of a partition; ends are first moments of days, as "2025-06-01" (UTC). */
export interface Range {
  from: string;
  to: string;
}

/** The months that are to have a partition: this one and those ahead. @param now ISO 8601, UTC. */
export function monthsAhead(now: string, ahead: number): Range[] {
  const first = new Date(now);
  const month = (offset: number) =>
    new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + offset, 1)).toISOString().slice(0, 10);
  return Array.from({ length: ahead + 1 }, (_, at) => ({ from: month(at), to: month(at + 1) }));
}

/** The range that PostgreSQL prints of a partition's bounds; null for a default partition and other kinds. */
export function parseBounds(text: string): Range | null {
  const match = /^FOR VALUES FROM \((.+)\) TO \((.+)\)$/.exec(text);
  if (!match) return null;
  const [from, to] = [limit(match[1]!, "MINVALUE", "-infinity"), limit(match[2]!, "MAXVALUE", "infinity")];
  return from === null || to === null ? null : { from, to };
}

/** Comparable as text: days as "2025-06-01", finer bounds with their time behind; endless ones before and after all. */
function limit(text: string, open: string, endless: string): string | null {
  if (text === open) return open === "MINVALUE" ? "" : "~";
  const value = /^'(.+)'$/.exec(text)?.[1];
  if (value === undefined) return null;
  if (value === endless) return endless === "infinity" ? "~" : "";
  return value.replace(/[+]00$/, "").replace(/ 00:00:00$/, "");
}

export function planPartitions(entry: PartitionEntry, world: World): Verdict {
  const table = world.tables.find(
    (one) => one.schema === entry.table.schema && one.name === entry.table.name,
  );
  const name = readable(entry.table);
  if (!table) return { kind: "skipped", reason: `there is no table ${name}` };
  if (table.kind !== "partitioned") {
    return {
      kind: "skipped",
      reason: `${name} is not partitioned; docs/indexes.md ("From one table to partitions") says how it becomes so`,
    };
  }
  const key = /^RANGE \("?([^",]+)"?\)$/.exec(table.partitionKey ?? "")?.[1];
  if (key !== entry.column) {
    return {
      kind: "failed",
      reason: `${name} is partitioned by ${table.partitionKey}, the catalogue says by range of ${entry.column}`,
      todo: `Correct line ${entry.line} of ${entry.catalogue}.`,
    };
  }
  const there = world.tables
    .filter((one) => one.parent === table.oid)
    .flatMap((one) => parseBounds(one.bounds ?? "") ?? []);
  const missing: Range[] = [];
  for (const month of monthsAhead(world.now, entry.ahead)) {
    if (there.some((one) => one.from <= month.from && one.to >= month.to)) continue;
    const across = there.find((one) => one.from < month.to && one.to > month.from);
    if (across) {
      return {
        kind: "failed",
        reason: `${name} has a partition from ${across.from} to ${across.to}, which lies across the month from ${month.from}`,
        todo: "Make the partitions of that month yourself; the rule takes whole months.",
      };
    }
    missing.push(month);
  }
  if (missing.length === 0) return { kind: "present", note: null };
  return { kind: "work", steps: missing.map((month) => create(entry, month)), repaired: false, note: null };
}

/**
 * Made apart and attached in one transaction: attaching lets others read and write, which CREATE TABLE ... PARTITION OF
 * does not (PostgreSQL 17 documentation, 5.12.2.2). Indexes of the parent are made on it, empty as it is.
 */
function create(entry: PartitionEntry, { from, to }: Range): Step {
  const { schema } = entry.table;
  const partition = { schema, name: joinedName(entry.table.name, from.slice(0, 7).replace("-", "_")) };
  return {
    title: `make the partition ${readable(partition)}`,
    sql: [
      `CREATE TABLE ${qualified(partition)} (LIKE ${qualified(entry.table)} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION)`,
      `ALTER TABLE ${qualified(entry.table)} ATTACH PARTITION ${qualified(partition)} FOR VALUES FROM ('${from}') TO ('${to}')`,
    ],
    undo: { kind: "partition", ...partition },
    leftover: null,
    lock: "brief",
  };
}
