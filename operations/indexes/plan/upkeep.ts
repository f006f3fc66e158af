import type { PartitionEntry, ViewEntry } from "../catalogue/entries.ts";
import { upkeepSql, upkeepVersion } from "../upkeep/procedure.ts";
import type { World } from "../world/world.ts";
import type { Planned } from "./plan.ts";
import type { Step } from "./steps.ts";

/**
 * What the machine that leads does on its own between two runs of this command: the procedure, and what it is to
 * refresh and to make ahead. Nothing is installed where nothing is asked for.
 */
export function planUpkeep(entries: Planned[], world: World): Step[] {
  const kept = entries.filter(({ verdict }) => verdict.kind === "work" || verdict.kind === "present");
  const views = kept.flatMap(({ entry }) => (entry.type === "view" ? [entry] : []));
  const rules = kept.flatMap(({ entry }) => (entry.type === "partitions" ? [entry] : []));
  if (views.length + rules.length === 0) return [];
  const install =
    world.upkeep?.version === upkeepVersion
      ? []
      : [step("install the upkeep of views and partitions", upkeepSql)];
  return [
    ...install,
    ...views.filter((entry) => !scheduled(entry, world)).map(schedule),
    ...rules.filter((entry) => !ruled(entry, world)).map(rule),
  ];
}

function scheduled({ schema, name, refreshMinutes }: ViewEntry, world: World): boolean {
  return (world.upkeep?.refreshes ?? []).some(
    (one) => one.schema === schema && one.name === name && one.minutes === refreshMinutes,
  );
}

function ruled({ table, column, ahead }: PartitionEntry, world: World): boolean {
  return (world.upkeep?.partitions ?? []).some(
    (one) =>
      one.schema === table.schema && one.name === table.name && one.column === column && one.ahead === ahead,
  );
}

function schedule({ schema, name, refreshMinutes }: ViewEntry): Step {
  return {
    ...step(`refresh ${name} every ${refreshMinutes} minutes`, [
      `INSERT INTO phasewise.refreshes (schema, name, minutes) VALUES (${text(schema)}, ${text(name)}, ${refreshMinutes}) ON CONFLICT (schema, name) DO UPDATE SET minutes = excluded.minutes`,
    ]),
    undo: {
      kind: "statement",
      sql: `DELETE FROM phasewise.refreshes WHERE schema = ${text(schema)} AND name = ${text(name)}`,
    },
  };
}

function rule({ table, column, ahead }: PartitionEntry): Step {
  const values = [table.schema, table.name, column].map(text).join(", ");
  return {
    ...step(`keep ${ahead} months of ${table.name} ahead`, [
      `INSERT INTO phasewise.partition_rules (schema, name, key_column, ahead) VALUES (${values}, ${ahead}) ON CONFLICT (schema, name) DO UPDATE SET key_column = excluded.key_column, ahead = excluded.ahead`,
    ]),
    undo: {
      kind: "statement",
      sql: `DELETE FROM phasewise.partition_rules WHERE schema = ${text(table.schema)} AND name = ${text(table.name)}`,
    },
  };
}

function step(title: string, sql: string[]): Step {
  return { title, sql, undo: null, leftover: null, lock: "patient" };
}

/** The catalogue's names hold no quotes. */
function text(value: string): string {
  return `'${value}'`;
}
