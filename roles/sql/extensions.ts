import type { SqlStatement } from "./types.ts";

const NAME = /^[a-z][a-z0-9_-]*$/;

/** An extension in a database, in the newest version that is installed on the machine when it is created. */
export function extension(database: string, name: string): SqlStatement {
  if (!NAME.test(name)) throw new Error(`"${name}" is no name of an extension`);
  return {
    name: `extension ${name} in ${database}`,
    database,
    probe: `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = '${name}')`,
    act: `CREATE EXTENSION IF NOT EXISTS "${name}"`,
  };
}
