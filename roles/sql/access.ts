import { databaseRoles, LOOKUP_USER, MONITOR } from "./names.ts";
import type { SqlStatement } from "./types.ts";

/**
 * Who may do what in `database`: the owner makes and changes tables, the application reads and writes rows, the
 * read-only role reads; everybody else is out. What the owner creates later gets the same rights by itself.
 */
export function access(database: string): SqlStatement[] {
  return [connect(database), schema(database), futureObjects(database)];
}

function connect(database: string): SqlStatement {
  const { owner, application, readonly } = databaseRoles(database);
  const roles = [owner, application, readonly, MONITOR, LOOKUP_USER];
  return {
    name: `who may connect to ${database}`,
    database,
    probe:
      `SELECT NOT EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a` +
      ` WHERE d.datname = '${database}' AND a.grantee = 0)` +
      ` AND ${roles.map((role) => has(`has_database_privilege('${role}', '${database}', 'CONNECT')`, role)).join(" AND ")}`,
    act: lines(
      `REVOKE ALL ON DATABASE "${database}" FROM PUBLIC`,
      `GRANT CONNECT ON DATABASE "${database}" TO ${list(roles)}`,
      `GRANT TEMPORARY ON DATABASE "${database}" TO ${list([owner, application])}`,
    ),
  };
}

function schema(database: string): SqlStatement {
  const { owner, application, readonly } = databaseRoles(database);
  return {
    name: `schema public of ${database}`,
    database,
    probe:
      `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public' AND pg_get_userbyid(nspowner) = '${owner}')` +
      ` AND NOT EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'public' AND a.grantee = 0)` +
      ` AND ${[application, readonly, MONITOR].map((role) => has(`has_schema_privilege('${role}', 'public', 'USAGE')`, role)).join(" AND ")}` +
      ` AND ${has(`NOT has_schema_privilege('${application}', 'public', 'CREATE')`, application)}`,
    act: lines(
      `ALTER SCHEMA public OWNER TO "${owner}"`,
      "REVOKE ALL ON SCHEMA public FROM PUBLIC",
      `REVOKE ALL ON SCHEMA public FROM ${list([application, readonly])}`,
      // Extensions are there, and with them pg_stat_statements: metrics see it, and no table.
      `GRANT USAGE ON SCHEMA public TO ${list([application, readonly, MONITOR])}`,
    ),
  };
}

/** Default privileges hold for what the owner creates from now on; what it has already gets them at the same time. */
function futureObjects(database: string): SqlStatement {
  const { owner, application, readonly } = databaseRoles(database);
  const grants: [string, string, string, string][] = [
    ["TABLES", "r", "SELECT, INSERT, UPDATE, DELETE", application],
    ["TABLES", "r", "SELECT", readonly],
    ["SEQUENCES", "S", "USAGE, SELECT, UPDATE", application],
    ["SEQUENCES", "S", "SELECT", readonly],
    ["FUNCTIONS", "f", "EXECUTE", application],
    ["FUNCTIONS", "f", "EXECUTE", readonly],
  ];
  const probes = grants.map(
    ([, type, , role]) =>
      `EXISTS (SELECT FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a` +
      ` WHERE n.nspname = 'public' AND pg_get_userbyid(d.defaclrole) = '${owner}'` +
      ` AND d.defaclobjtype = '${type}' AND a.grantee = to_regrole('${role}'))`,
  );
  return {
    name: `rights in ${database}`,
    database,
    probe: `SELECT ${probes.join("\n  AND ")}`,
    act: lines(
      ...grants.flatMap(([objects, , rights, role]) => [
        `ALTER DEFAULT PRIVILEGES FOR ROLE "${owner}" IN SCHEMA public GRANT ${rights} ON ${objects} TO "${role}"`,
        `GRANT ${rights} ON ALL ${objects} IN SCHEMA public TO "${role}"`,
      ]),
    ),
  };
}

/** `condition`, or false where the role is not there yet (the privilege functions fail then). */
function has(condition: string, role: string): string {
  return `(CASE WHEN to_regrole('${role}') IS NULL THEN false ELSE ${condition} END)`;
}

function list(roles: string[]): string {
  return roles.map((role) => `"${role}"`).join(", ");
}

function lines(...statements: string[]): string {
  return `${statements.join(";\n")};`;
}
