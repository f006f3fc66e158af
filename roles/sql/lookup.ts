import { LOOKUP_OWNER, LOOKUP_SCHEMA, LOOKUP_USER } from "./names.ts";
import type { SqlStatement } from "./types.ts";

/**
 * How PgBouncer gets a client's SCRAM verifier: a function that only its own user may call, that knows no superuser,
 * no replication user and no expired password, and that belongs to a role which cannot log in and may read
 * `pg_authid` and nothing else.
 *
 * The form is that of PgBouncer 1.24.1: earlier ones let expired passwords pass (CVE-2025-2291).
 */
export function passwordLookup(database: string): SqlStatement[] {
  return [
    {
      name: `password look-up in ${database}`,
      database,
      probe:
        `SELECT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace` +
        ` WHERE n.nspname = '${LOOKUP_SCHEMA}' AND p.proname = 'user_lookup' AND p.prosecdef` +
        ` AND pg_get_userbyid(p.proowner) = '${LOOKUP_OWNER}' AND md5(p.prosrc) = md5($body$${BODY}$body$))` +
        ` AND coalesce((SELECT bool_or(a.grantee = to_regrole('${LOOKUP_OWNER}')) FROM pg_class c, aclexplode(c.relacl) a` +
        ` WHERE c.oid = 'pg_authid'::regclass), false)`,
      act: [
        `CREATE SCHEMA IF NOT EXISTS ${LOOKUP_SCHEMA} AUTHORIZATION ${LOOKUP_OWNER};`,
        `GRANT SELECT ON pg_catalog.pg_authid TO ${LOOKUP_OWNER};`,
        `REVOKE ALL ON SCHEMA ${LOOKUP_SCHEMA} FROM PUBLIC;`,
        `GRANT USAGE ON SCHEMA ${LOOKUP_SCHEMA} TO ${LOOKUP_USER};`,
        `CREATE OR REPLACE FUNCTION ${LOOKUP_SCHEMA}.user_lookup(IN name_in name, OUT username name, OUT password text)`,
        `  RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$${BODY}$body$;`,
        `ALTER FUNCTION ${LOOKUP_SCHEMA}.user_lookup(name) OWNER TO ${LOOKUP_OWNER};`,
        `REVOKE ALL ON FUNCTION ${LOOKUP_SCHEMA}.user_lookup(name) FROM PUBLIC;`,
        `GRANT EXECUTE ON FUNCTION ${LOOKUP_SCHEMA}.user_lookup(name) TO ${LOOKUP_USER};`,
      ].join("\n"),
    },
  ];
}

const BODY = `
  SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END
  FROM pg_authid
  WHERE rolname = name_in AND rolcanlogin AND NOT rolsuper AND NOT rolreplication
`;
