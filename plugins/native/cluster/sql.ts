import { matches, scramVerifier } from "./scram.ts";

/** SQL for roles and databases: what differs, decided from plain data. */

export interface WantedRole {
  name: string;
  login: boolean;
  memberOf: string[];
  settings: Record<string, string>;
  connectionLimit?: number;
  /** Null: it has none. */
  password: string | null;
}

/** A role as pg_authid has it. */
export interface ActualRole {
  name: string;
  login: boolean;
  superuser: boolean;
  replication: boolean;
  createRole: boolean;
  createDatabase: boolean;
  bypassRls: boolean;
  connectionLimit: number;
  verifier: string | null;
  memberOf: string[];
  settings: Record<string, string>;
}

export interface Database {
  name: string;
  owner: string;
}

/** What of a role is not as declared: any of missing, login, attributes, connectionLimit, password, memberOf, settings. */
export function roleDifferences(wanted: WantedRole, actual: ActualRole | undefined): string[] {
  if (actual === undefined) return ["missing"];
  const changed: string[] = [];
  if (wanted.login !== actual.login) changed.push("login");
  const { superuser, replication, createRole, createDatabase, bypassRls } = actual;
  if (superuser || replication || createRole || createDatabase || bypassRls) changed.push("attributes");
  if (connectionLimit(wanted) !== actual.connectionLimit) changed.push("connectionLimit");
  const samePassword =
    wanted.password === null ? actual.verifier === null : matches(wanted.password, actual.verifier);
  if (!samePassword) changed.push("password");
  if (!sameList(wanted.memberOf, actual.memberOf)) changed.push("memberOf");
  if (!sameRecord(wanted.settings, actual.settings)) changed.push("settings");
  return changed;
}

/**
 * One transaction that makes or corrects roles; empty where all are right. All are made before the first becomes a
 * member of another. Passwords go as verifiers, and even these are kept out of the server's log.
 */
export function rolesSql(wanted: WantedRole[], actual: ActualRole[]): string {
  const found = new Map(actual.map((role) => [role.name, role]));
  const made: string[] = [];
  const corrected: string[] = [];
  for (const role of wanted) {
    const before = found.get(role.name);
    const differences = roleDifferences(role, before);
    if (differences.includes("missing")) made.push(`CREATE ROLE ${name(role.name)};`);
    corrected.push(...corrections(role, before, differences));
  }
  if (made.length + corrected.length === 0) return "";
  const quiet = ["SET LOCAL log_statement = 'none';", "SET LOCAL log_min_duration_statement = -1;"];
  return [
    "BEGIN;",
    ...quiet,
    "SET LOCAL log_min_error_statement = 'panic';",
    ...made,
    ...corrected,
    "COMMIT;",
    "",
  ].join("\n");
}

function corrections(role: WantedRole, before: ActualRole | undefined, differences: string[]): string[] {
  const is = (what: string) => differences.includes(what) || differences.includes("missing");
  const options: string[] = [];
  if (is("login")) options.push(role.login ? "LOGIN" : "NOLOGIN");
  if (is("attributes")) options.push("NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB NOBYPASSRLS");
  if (is("connectionLimit")) options.push(`CONNECTION LIMIT ${connectionLimit(role)}`);
  if (differences.includes("password") || (is("password") && role.password !== null)) {
    options.push(`PASSWORD ${role.password === null ? "NULL" : literal(scramVerifier(role.password))}`);
  }
  const lines = options.length === 0 ? [] : [`ALTER ROLE ${name(role.name)} ${options.join(" ")};`];
  const memberOf = before?.memberOf ?? [];
  for (const group of role.memberOf.filter((one) => !memberOf.includes(one))) {
    lines.push(`GRANT ${name(group)} TO ${name(role.name)};`);
  }
  for (const group of memberOf.filter((one) => !role.memberOf.includes(one))) {
    lines.push(`REVOKE ${name(group)} FROM ${name(role.name)};`);
  }
  return [...lines, ...settingsSql(role, before?.settings ?? {})];
}

function settingsSql(role: WantedRole, before: Record<string, string>): string[] {
  const set = Object.entries(role.settings).filter(([key, value]) => before[key] !== value);
  const reset = Object.keys(before).filter((key) => !(key in role.settings));
  return [
    ...set.map(([key, value]) => `ALTER ROLE ${name(role.name)} SET ${setting(key)} = ${literal(value)};`),
    ...reset.map((key) => `ALTER ROLE ${name(role.name)} RESET ${setting(key)};`),
  ];
}

/** Statements, each outside of a transaction, that make databases or give them to their owners. */
export function databasesSql(wanted: Database[], actual: Database[]): string[] {
  const owners = new Map(actual.map((database) => [database.name, database.owner]));
  return wanted.flatMap(({ name: database, owner }) => {
    const before = owners.get(database);
    if (before === owner) return [];
    return before === undefined
      ? [`CREATE DATABASE ${name(database)} OWNER ${name(owner)};`]
      : [`ALTER DATABASE ${name(database)} OWNER TO ${name(owner)};`];
  });
}

/** A quoted identifier. */
export function name(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** A quoted string; safe whatever standard_conforming_strings says, as backslashes are escaped by E''. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}

function setting(key: string): string {
  return key.split(".").map(name).join(".");
}

function connectionLimit(role: WantedRole): number {
  return role.connectionLimit ?? -1;
}

function sameList(left: string[], right: string[]): boolean {
  return left.length === right.length && left.every((item) => right.includes(item));
}

function sameRecord(left: Record<string, string>, right: Record<string, string>): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}
