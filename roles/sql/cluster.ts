import { access } from "./access.ts";
import { extension } from "./extensions.ts";
import { passwordLookup } from "./lookup.ts";
import { databaseRoles, LOOKUP_OWNER, LOOKUP_USER, MONITOR } from "./names.ts";
import type { ClusterSql, SqlRole } from "./types.ts";

export interface ClusterSqlSettings {
  /** Names that clients use. */
  databases: string[];
  /** Created in each of them. */
  extensions: string[];
}

const DATABASE = /^[a-z][a-z0-9_]{0,40}$/;
const RESERVED = [
  "postgres",
  "template0",
  "template1",
  "pgbouncer",
  "monitor",
  "replicator",
  "rewind",
  "public",
  "stats",
];

/** Name of the secret that holds the password of SQL role `name`. */
export function passwordSecret(name: string): string {
  return `${name.replaceAll("_", "-")}-password`;
}

/**
 * Roles, databases, extensions and rights of a cluster.
 *
 * Throws, naming every fault, where a database's name is reserved or is none that needs no quotes everywhere.
 */
export function clusterSql({ databases, extensions }: ClusterSqlSettings): ClusterSql {
  const faults = [
    ...databases
      .filter((name) => !DATABASE.test(name))
      .map((name) => `"${name}": use a-z, 0-9 and _, a letter first, 41 at most`),
    ...databases.filter((name) => RESERVED.includes(name)).map((name) => `"${name}" is reserved`),
  ];
  const names = [...commonRoles(), ...databases.flatMap(rolesOf)].map((role) => role.name);
  const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  faults.push(...[...twice].map((name) => `two of them need a role named "${name}"`));
  if (faults.length > 0)
    throw new Error(`These databases cannot be made:\n${faults.map((fault) => `- ${fault}`).join("\n")}`);
  return {
    roles: [...commonRoles(), ...databases.flatMap(rolesOf)],
    databases: databases.map((name) => ({ name, owner: databaseRoles(name).owner })),
    statements: databases.flatMap((name) => [
      ...access(name),
      ...["pg_stat_statements", ...extensions.filter((one) => one !== "pg_stat_statements")].map((one) =>
        extension(name, one),
      ),
      ...passwordLookup(name),
    ]),
  };
}

function commonRoles(): SqlRole[] {
  return [
    { name: LOOKUP_OWNER, login: false, passwordSecret: null, memberOf: [], settings: {} },
    {
      name: LOOKUP_USER,
      login: true,
      passwordSecret: passwordSecret(LOOKUP_USER),
      memberOf: [],
      settings: {},
    },
    {
      name: MONITOR,
      login: true,
      passwordSecret: passwordSecret(MONITOR),
      memberOf: ["pg_monitor"],
      settings: { statement_timeout: "10s" },
    },
  ];
}

/**
 * The limits stand at the roles because a pooled connection cannot take them from its client: an application's
 * statement ends after a minute, a report's after ten, a migration's never.
 */
function rolesOf(database: string): SqlRole[] {
  const names = databaseRoles(database);
  const one = (name: string, settings: Record<string, string>): SqlRole => ({
    name,
    login: true,
    passwordSecret: passwordSecret(name),
    memberOf: [],
    settings,
  });
  return [
    one(names.owner, { lock_timeout: "10s" }),
    one(names.application, { statement_timeout: "60s", lock_timeout: "10s" }),
    one(names.readonly, { statement_timeout: "10min", default_transaction_read_only: "on" }),
  ];
}
