import { escapeLiteral } from "pg";
import { quote } from "../../../clients/ssh/quote.ts";
import { databaseRoles, LOOKUP_USER, MONITOR } from "../../../roles/sql/names.ts";
import { quoteIdentifier } from "../../indexes/catalogue/keyPart.ts";
import { qualified } from "../../indexes/plan/statement.ts";
import type { TableName } from "./names.ts";
import { countsSql, type DatabaseMaking, type Extension, POOLER_SCHEMA } from "./restored.ts";

/** Rights and contents go over; what belongs to the old cluster's roles or to its replication does not. */
const DUMP = "cd /tmp && runuser -u postgres -- pg_dump --no-owner --no-publications --no-subscriptions";

/** The shell command that writes a table, with its partitions, as SQL. */
export function dumpTable(database: string, table: TableName): string {
  return `${DUMP} --table-and-children=${quote(qualified(table))} -d ${quote(database)}`;
}

/** The shell command that writes a database as SQL, without what was made in its copy already. */
export function dumpDatabase(database: string, extensions: readonly Extension[]): string {
  const without = [
    ...extensions.map(({ name }) => `--exclude-extension=${quote(quoteIdentifier(name))}`),
    `--exclude-schema=${POOLER_SCHEMA}`,
    // Rights on the catalogue are the cluster's, and given with the roles.
    "--exclude-schema=pg_catalog",
  ];
  return `${DUMP} ${without.join(" ")} -d ${quote(database)}`;
}

/** One transaction around a dump: what the database reads before. A dump may begin late, so nothing runs out. */
export function loadBegin(schema: string | null): string {
  return lines(
    "BEGIN",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL client_min_messages = warning",
    ...(schema === null ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`]),
    "\\o /dev/null",
  );
}

/**
 * What it reads after a dump that is whole: it is committed only where each table has the rows of the restored state;
 * then the counts are all that is printed.
 */
export function loadEnd(tables: readonly TableName[], counts: readonly number[]): string {
  const found = `(${countsSql(tables)})`;
  return lines(
    `DO $phasewise$ BEGIN IF ${found} <> ${escapeLiteral(JSON.stringify(counts))}::jsonb THEN ` +
      `RAISE EXCEPTION 'the copy has other numbers of rows than the restored state'; END IF; END $phasewise$`,
    "\\o",
    found.slice(1, -1),
    "\\o /dev/null",
    ...tables.map((table) => `ANALYZE ${qualified(table)}`),
    "COMMIT",
  );
}

/** A database is made under this name, and gets its own when it is whole. */
export function temporaryName(database: string): string {
  return `phasewise_restoring_${database}`;
}

/** Statements of the superuser, each by itself: they take no transaction. What a killed run left goes first. */
export function makeDatabase(name: string, owner: string, making: DatabaseMaking): string[] {
  const locale = escapeLiteral(making.locale ?? "");
  const provider = {
    c: "LOCALE_PROVIDER libc",
    i: `LOCALE_PROVIDER icu ICU_LOCALE ${locale}`,
    b: `LOCALE_PROVIDER builtin BUILTIN_LOCALE ${locale}`,
  }[making.provider];
  return [
    `DROP DATABASE IF EXISTS ${quoteIdentifier(name)}`,
    `CREATE DATABASE ${quoteIdentifier(name)} OWNER ${quoteIdentifier(owner)} TEMPLATE template0` +
      ` ENCODING ${escapeLiteral(making.encoding)} LC_COLLATE ${escapeLiteral(making.collate)}` +
      ` LC_CTYPE ${escapeLiteral(making.ctype)} ${provider}`,
  ];
}

/** Statements of the superuser in the new database, before anything is loaded: what its owner may not do. */
export function prepareDatabase(name: string, owner: string, extensions: readonly Extension[]): string[] {
  return [
    `REVOKE ALL ON DATABASE ${quoteIdentifier(name)} FROM PUBLIC`,
    `ALTER SCHEMA public OWNER TO ${quoteIdentifier(owner)}`,
    ...extensions.map(
      ({ name: extension, schema }) =>
        `CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(extension)} SCHEMA ${quoteIdentifier(schema)}`,
    ),
  ];
}

/** Who may connect: the roles of the database that was restored, of those that the stack has. */
export function connectSql(name: string, source: string, roles: readonly string[]): string[] {
  const { application, readonly } = databaseRoles(source);
  const grant = (right: string, role: string) =>
    roles.includes(role)
      ? [`GRANT ${right} ON DATABASE ${quoteIdentifier(name)} TO ${quoteIdentifier(role)}`]
      : [];
  return [
    ...[application, readonly, MONITOR, LOOKUP_USER].flatMap((role) => grant("CONNECT", role)),
    ...grant("TEMPORARY", application),
  ];
}

function lines(...statements: string[]): string {
  return statements.map((one) => (one.startsWith("\\") ? `${one}\n` : `${one};\n`)).join("");
}
