import { expect, test } from "vitest";
import { clusterSql, passwordSecret } from "../../../roles/sql/cluster.ts";

test("every database has an owner, an application and a reader; monitor and look-up are shared", () => {
  const { roles, databases } = clusterSql({ databases: ["app", "crm"], extensions: [] });
  expect(roles.map((role) => role.name)).toEqual([
    "pgbouncer_lookup",
    "pgbouncer",
    "monitor",
    "app_owner",
    "app",
    "app_readonly",
    "crm_owner",
    "crm",
    "crm_readonly",
  ]);
  expect(databases).toEqual([
    { name: "app", owner: "app_owner" },
    { name: "crm", owner: "crm_owner" },
  ]);
});

test("nobody logs in as the owner of the look-up's function", () => {
  const { roles } = clusterSql({ databases: ["app"], extensions: [] });
  expect(roles.filter((role) => !role.login)).toEqual([
    { name: "pgbouncer_lookup", login: false, passwordSecret: null, memberOf: [], settings: {} },
  ]);
  expect(passwordSecret("app_readonly")).toBe("app-readonly-password");
});

test("pg_stat_statements is always there, each extension once", () => {
  const { statements } = clusterSql({ databases: ["app"], extensions: ["vector", "pg_stat_statements"] });
  expect(statements.map((one) => one.name)).toEqual([
    "who may connect to app",
    "schema public of app",
    "rights in app",
    "extension pg_stat_statements in app",
    "extension vector in app",
    "password look-up in app",
  ]);
});

test("databases whose roles would be the same are refused", () => {
  expect(() => clusterSql({ databases: ["app", "app_owner"], extensions: [] })).toThrow(
    'These databases cannot be made:\n- two of them need a role named "app_owner"',
  );
});

test("names that are reserved or need quotes are refused, all at once", () => {
  expect(() => clusterSql({ databases: ["postgres", "App", "a;b"], extensions: [] })).toThrow(
    [
      "These databases cannot be made:",
      '- "App": use a-z, 0-9 and _, a letter first, 41 at most',
      '- "a;b": use a-z, 0-9 and _, a letter first, 41 at most',
      '- "postgres" is reserved',
    ].join("\n"),
  );
  expect(() => clusterSql({ databases: ["app"], extensions: ['x"; DROP'] })).toThrow(
    "is no name of an extension",
  );
});
