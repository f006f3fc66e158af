import { z } from "zod";
import { type ActualRole, literal, name } from "./sql.ts";

/** What the leader is asked about its databases, and its answers. */

const role = z.object({
  name: z.string(),
  login: z.boolean(),
  superuser: z.boolean(),
  replication: z.boolean(),
  createRole: z.boolean(),
  createDatabase: z.boolean(),
  bypassRls: z.boolean(),
  connectionLimit: z.number(),
  verifier: z.string().nullable(),
  memberOf: z.array(z.string()),
  settings: z.array(z.string()),
});

const server = z.object({
  inRecovery: z.boolean(),
  /** Off on a primary that was just restored: it is restarted once, before anything else. */
  hotStandby: z.boolean(),
  version: z.string(),
  systemIdentifier: z.string(),
  timeline: z.number(),
  dataDirectory: z.string(),
  binaries: z.string(),
  libraries: z.string(),
  pendingRestart: z.array(z.string()),
  roles: z.array(role),
  databases: z.array(z.object({ name: z.string(), owner: z.string() })),
});

export type ServerSurvey = Omit<z.infer<typeof server>, "roles"> & { roles: ActualRole[] };

/** One query, one JSON answer: the server, the roles of those names that exist, and all databases. */
export function serverSql(roles: string[]): string {
  const names = roles.length === 0 ? "ARRAY[]::text[]" : `ARRAY[${roles.map(literal).join(", ")}]`;
  return `SELECT json_build_object(
  'inRecovery', pg_is_in_recovery(),
  'hotStandby', current_setting('hot_standby')::boolean,
  'version', split_part(current_setting('server_version'), ' ', 1),
  'systemIdentifier', (SELECT system_identifier::text FROM pg_control_system()),
  'timeline', (SELECT timeline_id FROM pg_control_checkpoint()),
  'dataDirectory', current_setting('data_directory'),
  'binaries', (SELECT setting FROM pg_config WHERE name = 'BINDIR'),
  'libraries', (SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'),
  'pendingRestart', (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_settings WHERE pending_restart),
  'databases', (SELECT json_agg(json_build_object('name', datname, 'owner', pg_get_userbyid(datdba))) FROM pg_database),
  'roles', (SELECT coalesce(json_agg(json_build_object(
    'name', rolname, 'login', rolcanlogin, 'superuser', rolsuper, 'replication', rolreplication,
    'createRole', rolcreaterole, 'createDatabase', rolcreatedb, 'bypassRls', rolbypassrls,
    'connectionLimit', rolconnlimit, 'verifier', rolpassword,
    'memberOf', (SELECT coalesce(json_agg(g.rolname), '[]') FROM pg_auth_members m JOIN pg_authid g ON g.oid = m.roleid
                 WHERE m.member = r.oid),
    'settings', (SELECT coalesce(json_agg(s), '[]') FROM pg_db_role_setting d, unnest(d.setconfig) s
                 WHERE d.setrole = r.oid AND d.setdatabase = 0))), '[]')
    FROM pg_authid r WHERE rolname = ANY (${names})));
`;
}

export function parseServer(output: string): ServerSurvey {
  const found = server.parse(JSON.parse(output));
  const roles = found.roles.map((one) => ({ ...one, settings: Object.fromEntries(one.settings.map(pair)) }));
  return { ...found, roles };
}

function pair(line: string): [string, string] {
  const cut = line.indexOf("=");
  return [line.slice(0, cut), line.slice(cut + 1)];
}

/** A piece of SQL with a question before it: `probe` gives one boolean, true where there is nothing to do. */
export interface Probed {
  name: string;
  database: string;
  probe: string;
  act: string;
}

/**
 * A psql script that asks all probes, connecting to each database in turn. A line an answer: `<index> t` or
 * `<index> f`. A database that does not exist yet answers nothing.
 */
export function probesScript(statements: Probed[]): string {
  const lines: string[] = [];
  for (const database of new Set(statements.map((statement) => statement.database))) {
    lines.push(
      `SELECT EXISTS (SELECT FROM pg_database WHERE datname = ${literal(database)}) AS found \\gset`,
      "\\if :found",
      `\\connect ${name(database)}`,
    );
    statements.forEach((statement, index) => {
      if (statement.database !== database) return;
      lines.push(`SELECT '${index} ' || (${bare(statement.probe)})::bool::text;`);
    });
    lines.push("\\endif");
  }
  return `${lines.join("\n")}\n`;
}

/** The statements whose probe did not answer true. */
export function missing<T extends Probed>(statements: T[], output: string): T[] {
  const done = new Set(
    output
      .split("\n")
      .filter((line) => line.endsWith(" true"))
      .map((line) => line.split(" ")[0]),
  );
  return statements.filter((_, index) => !done.has(String(index)));
}

/** Prefix of the line that tells which statement psql is at. */
export const AT = "phasewise: at ";

/** A psql script that runs the acts, each in one transaction, saying before each which it is. */
export function actsScript(statements: Probed[]): string {
  const lines: string[] = [];
  let current: string | null = null;
  for (const statement of statements) {
    if (statement.database !== current) lines.push(`\\connect ${name(statement.database)}`);
    current = statement.database;
    lines.push(`\\echo ${literal(AT + statement.name)}`, "BEGIN;", `${bare(statement.act)};`, "COMMIT;");
  }
  return `${lines.join("\n")}\n`;
}

function bare(sql: string): string {
  return sql.trim().replace(/;+$/, "");
}
