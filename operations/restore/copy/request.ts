import { Problem } from "../../../toolchain/problem.ts";
import { plain, type TableName } from "./names.ts";

/** What is copied out of a restored state into the stack that runs. */
export type CopyRequest =
  | { kind: "table"; database: string; from: TableName; to: TableName }
  | { kind: "database"; from: string; to: string };

/** As the command gives it. */
export interface CopyFlags {
  database?: string | undefined;
  table?: string | undefined;
  as?: string | undefined;
}

const TABLE = /^(?<schema>[^."\p{C}]+)\.(?<name>[^"\p{C}]+)$/u;
/** What needs no quotes anywhere; a database under its temporary name must fit, too. */
const DATABASE = /^[a-z_][a-z0-9_]{0,40}$/;
const RESERVED = ["postgres", "template0", "template1", "pgbouncer"];
const LONGEST = 63;

/**
 * Null where nothing is to be copied.
 * @param databases Those of the stack.
 * @throws Problem (exit 2) with all that is wrong.
 */
export function parseCopy(
  { as, database, table }: CopyFlags,
  databases: readonly string[],
): CopyRequest | null {
  const nothing = database === undefined && table === undefined;
  if (nothing && as === undefined) return null;
  const faults = nothing
    ? ["--as names the copy of a table or a database: give --table or --database"]
    : table === undefined
      ? databaseFaults(database!, as)
      : tableFaults({ as, database, table }, databases);
  if (faults.length > 0) throw refusedCopy(faults);
  if (table === undefined) return { kind: "database", from: database!, to: as ?? database! };
  const from = tableName(table)!;
  return {
    kind: "table",
    database: database ?? databases[0]!,
    from,
    to: as === undefined ? from : tableName(as)!,
  };
}

/** What is copied, for people. */
export function copyText(request: CopyRequest): string {
  if (request.kind === "database")
    return request.from === request.to
      ? `the database ${request.from}`
      : `the database ${request.from} as ${request.to}`;
  const { database, from, to } = request;
  const name = plain(from) === plain(to) ? plain(from) : `${plain(from)} as ${plain(to)}`;
  return `the table ${name} of ${database}`;
}

/** @param faults One line each. */
export function refusedCopy(faults: string[]): Problem {
  return new Problem({
    happened: "This cannot be copied into the stack:",
    details: faults,
    left: "Nothing of the stack was touched.",
    exitCode: 2,
  });
}

function databaseFaults(database: string, as: string | undefined): string[] {
  return [
    ...databaseName("--database", database),
    ...(as === undefined || as === database ? [] : databaseName("--as", as)),
  ];
}

function databaseName(option: string, name: string): string[] {
  if (RESERVED.includes(name)) return [`${option} ${name}: that name belongs to the cluster itself`];
  if (DATABASE.test(name)) return [];
  return [`${option} "${name}": use a-z, 0-9 and _, no digit first, 41 at most`];
}

function tableFaults(
  { as, database, table }: CopyFlags & { table: string },
  databases: readonly string[],
): string[] {
  const named = (option: string, value: string) =>
    tableName(value) === null
      ? [`${option} "${value}": write schema.name, as public.orders, each of 63 bytes at most`]
      : [];
  return [
    ...named("--table", table),
    ...(as === undefined ? [] : named("--as", as)),
    ...(database === undefined
      ? databases.length === 1
        ? []
        : [`which database holds ${table}? Give --database: ${databases.join(", ")}`]
      : databaseName("--database", database)),
  ];
}

function tableName(text: string): TableName | null {
  const { name, schema } = TABLE.exec(text)?.groups ?? {};
  if (name === undefined || schema === undefined) return null;
  if ([name, schema].some((part) => Buffer.byteLength(part) > LONGEST)) return null;
  return { schema, name };
}
