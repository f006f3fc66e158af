import { qualified, readable } from "../plan/statement.ts";
import type { ForeignKey, Index, Table, World } from "../world/world.ts";

/** Something that an operator may want to look at. */
export interface Advice {
  kind: "duplicate" | "redundant prefix" | "unused" | "foreign key without an index";
  table: string;
  /** The index, or the foreign key. */
  name: string;
  text: string;
  /** What one might run, after thinking about it. */
  sql: string;
  bytes: number;
}

/** Statistics that are younger say little of what is used (days). */
const enoughDays = 7;

/** Looks for indexes that cost more than they give, and for keys that lack one. Partitions go with their parents. */
export function advise(world: World): Advice[] {
  const tables = new Map(world.tables.filter((one) => one.parent === null).map((one) => [one.oid, one]));
  const own = world.indexes.filter((one) => tables.has(one.table) && one.valid);
  const groups = [...tables.values()].map((table) => ({
    table,
    on: own.filter((one) => one.table === table.oid),
  }));
  return [
    ...groups.flatMap(({ table, on }) => redundant(table, on)),
    ...groups.flatMap(({ table, on }) => unused(table, on, world)),
    ...world.foreignKeys.flatMap((key) => {
      const table = tables.get(key.table);
      return table ? uncovered(table, key, own) : [];
    }),
  ];
}

/** Two indexes of one definition, or one whose keys another begins with. The one to keep is named. */
function redundant(table: Table, on: Index[]): Advice[] {
  return on.flatMap((index): Advice[] => {
    if (index.constraint) return [];
    const others = on.filter((one) => one.oid !== index.oid);
    const same = others.find(
      (one) => one.body === index.body && (one.unique || !index.unique) && keeps(one, index),
    );
    if (same) {
      return [dropping(table, index, "duplicate", `${index.name} is the same as ${same.name}`)];
    }
    const longer = others.find((one) => isPrefix(index, one));
    if (!longer) return [];
    return [
      dropping(
        table,
        index,
        "redundant prefix",
        `${longer.name} begins with the keys of ${index.name} and serves its queries`,
      ),
    ];
  });
}

/** Of two equal ones the constraint's, the unique one, the older one stays; so that not both are advised against. */
function keeps(kept: Index, other: Index): boolean {
  if (kept.constraint !== other.constraint) return kept.constraint;
  if (kept.unique !== other.unique) return kept.unique;
  return kept.oid < other.oid;
}

function isPrefix(index: Index, longer: Index): boolean {
  return (
    index.method === "btree" &&
    longer.method === "btree" &&
    !index.unique &&
    index.keys.length < longer.keys.length &&
    index.predicate === longer.predicate &&
    index.included.length === 0 &&
    index.keys.every((key, at) => key !== null && key === longer.keys[at])
  );
}

function unused(table: Table, on: Index[], world: World): Advice[] {
  const days = Math.floor((Date.parse(world.now) - Date.parse(world.statisticsSince)) / 86_400_000);
  if (days < enoughDays || table.kind === "partitioned") return [];
  return on
    .filter((one) => one.scans === 0 && !one.unique && !one.constraint)
    .map((one) => {
      const since = `in the ${days} days since statistics were reset (${world.statisticsSince.slice(0, 10)}); replicas count their own`;
      return dropping(table, one, "unused", `${one.name} was not used ${since}`);
    });
}

function dropping(table: Table, index: Index, kind: Advice["kind"], text: string): Advice {
  const sql = `DROP INDEX CONCURRENTLY ${qualified(index)};`;
  return { kind, table: readable(table), name: index.name, text, sql, bytes: index.bytes };
}

/** Deleting or changing a referenced row reads the whole referencing table where no index begins with the key. */
function uncovered(table: Table, key: ForeignKey, own: Index[]): Advice[] {
  const covered = own.some((index) => {
    if (index.table !== table.oid || index.predicate !== null) return false;
    const first = index.keys.slice(0, key.columns.length).map((one) => Number(one?.split(":")[0]));
    return key.columns.every((column) => first.includes(column));
  });
  if (covered) return [];
  const columns = key.names.join(", ");
  return [
    {
      kind: "foreign key without an index",
      table: readable(table),
      name: key.name,
      text: `deleting from ${key.references} reads all of ${readable(table)}: no index begins with ${columns}`,
      sql: `CREATE INDEX CONCURRENTLY ON ${qualified(table)} (${key.names.map((one) => `"${one}"`).join(", ")});`,
      bytes: 0,
    },
  ];
}
