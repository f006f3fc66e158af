/** Names of the SQL roles and of what the pooler needs in a database. */

/** The roles of one database: who owns it, who works in it, who only reads it. */
export function databaseRoles(database: string): { owner: string; application: string; readonly: string } {
  return { owner: `${database}_owner`, application: database, readonly: `${database}_readonly` };
}

/** For health checks and metrics, of all databases. */
export const MONITOR = "monitor";
/** As whom PgBouncer looks passwords up. */
export const LOOKUP_USER = "pgbouncer";
/** May look at the numbers of PgBouncer's console, and do nothing there. */
export const POOLER_STATS_USER = "stats";
/** Owns the look-up's function; nobody logs in as it. */
export const LOOKUP_OWNER = "pgbouncer_lookup";
export const LOOKUP_SCHEMA = "pgbouncer";
/** PgBouncer's `auth_query`. */
export const LOOKUP_QUERY = `SELECT username, password FROM ${LOOKUP_SCHEMA}.user_lookup($1)`;
