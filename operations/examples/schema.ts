/** An example's schema.sql, taken apart: what makes each table, and what follows when all are loaded. */
export interface Schema {
  /** By table: the statement that creates it. */
  tables: Map<string, string>;
  /** Keys between tables and the like: cheaper to check once than row by row. */
  constraints: { table: string; name: string; sql: string }[];
}

const createTable = /^CREATE TABLE (\w+) /;
const addConstraint = /^ALTER TABLE (\w+) ADD CONSTRAINT (\w+)\s/;

/**
 * @param values For the placeholders, as `{dimension}`.
 * @throws Error that names a statement which is neither a table nor a constraint: the file is a part of Phasewise.
 */
export function parseSchema(text: string, values: Record<string, string | number>): Schema {
  const schema: Schema = { tables: new Map(), constraints: [] };
  for (const sql of statements(text)) {
    const filled = sql.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? unknown(name)));
    const table = createTable.exec(filled);
    const constraint = addConstraint.exec(filled);
    if (table) schema.tables.set(table[1]!, filled);
    else if (constraint)
      schema.constraints.push({ table: constraint[1]!, name: constraint[2]!, sql: filled });
    else throw new Error(`a schema holds tables and constraints only, not \`${sql.split("\n")[0]}\``);
  }
  return schema;
}

/** Statements end with a semicolon at the end of a line. */
function statements(text: string): string[] {
  const code = text.replaceAll(/^--.*\n/gm, "");
  return code
    .split(/;\s*(?:\n|$)/)
    .map((one) => one.trim())
    .filter(Boolean);
}

function unknown(name: string): never {
  throw new Error(`a schema has no value for {${name}}`);
}
