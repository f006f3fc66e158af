import { distance } from "fastest-levenshtein";
import { quoteIdentifier } from "../../indexes/catalogue/keyPart.ts";
import { qualified } from "../../indexes/plan/statement.ts";

/** Something with a name of its own in a schema. */
export interface Relation {
  kind: "table" | "index" | "sequence";
  schema: string;
  name: string;
}

export type TableName = Pick<Relation, "schema" | "name">;

/** A new name of a relation. */
export interface Renaming {
  relation: Relation;
  to: TableName;
}

/** PostgreSQL's own bound, in bytes (NAMEDATALEN - 1). */
const LONGEST = 63;
/** How many names a message offers. */
const OFFERED = 5;

/** As people write it. */
export function plain({ schema, name }: TableName): string {
  return `${schema}.${name}`;
}

/**
 * What a table and all that belongs to it is called where the table is to have another name: whatever begins with
 * the table's name begins with the new one, the rest gets the new one in front.
 * @param relations The table with its partitions, indexes and owned sequences.
 * @throws Error where two of them would have one name.
 */
export function renamings(relations: readonly Relation[], from: TableName, to: TableName): Renaming[] {
  const all = relations.map((relation) => {
    const rest = relation.name.startsWith(from.name)
      ? relation.name.slice(from.name.length)
      : `_${relation.name}`;
    const name = cut(`${to.name}${rest}`);
    return { relation, to: { schema: relation.schema === from.schema ? to.schema : relation.schema, name } };
  });
  const names = all.map((one) => plain(one.to));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two relations would be called ${twice}: give a shorter name`);
  return all.filter(({ relation, to: next }) => plain(relation) !== plain(next));
}

/**
 * The SQL that gives them their names, by way of names that nothing else has: a new name may be taken in the old
 * schema, and an old one in the new.
 */
export function renamingSql(all: readonly Renaming[]): string[] {
  const alter = ({ kind }: Relation, name: TableName, what: string) =>
    `ALTER ${kind.toUpperCase()} ${qualified(name)} ${what}`;
  const between = all.map(({ relation, to }, index) => ({ relation, to, name: `phasewise_copy_${index}` }));
  return [
    ...between.map(({ relation, name }) => alter(relation, relation, `RENAME TO ${name}`)),
    ...between
      // Indexes and owned sequences go with their table from schema to schema.
      .filter(({ relation, to }) => relation.kind === "table" && relation.schema !== to.schema)
      .map(({ relation, to, name }) =>
        alter(relation, { schema: relation.schema, name }, `SET SCHEMA ${quoteIdentifier(to.schema)}`),
      ),
    ...between.map(({ relation, to, name }) =>
      alter(relation, { schema: to.schema, name }, `RENAME TO ${quoteIdentifier(to.name)}`),
    ),
  ];
}

/**
 * The names that a misspelt one may mean, the nearest first, whatever their schema; where none is near, the first of
 * all. Five at most.
 */
export function nearNames(word: string, names: readonly string[]): string[] {
  const own = (name: string) => name.slice(name.indexOf(".") + 1);
  const isNear = (name: string) =>
    distance(own(word), own(name)) <= Math.max(1, Math.floor(own(word).length / 3));
  const sorted = [...names].sort();
  const near = sorted.filter(isNear).sort((a, b) => distance(word, a) - distance(word, b));
  return (near.length > 0 ? near : sorted).slice(0, OFFERED);
}

/** At most as many bytes as PostgreSQL keeps. */
function cut(name: string): string {
  const characters = [...name];
  while (Buffer.byteLength(characters.join("")) > LONGEST) characters.pop();
  return characters.join("");
}
