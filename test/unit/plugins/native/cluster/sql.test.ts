import fc from "fast-check";
import { expect, test } from "vitest";
import { matches, scramVerifier } from "../../../../../plugins/native/cluster/scram.ts";
import {
  type ActualRole,
  databasesSql,
  literal,
  name,
  roleDifferences,
  rolesSql,
  type WantedRole,
} from "../../../../../plugins/native/cluster/sql.ts";
import {
  actsScript,
  missing,
  parseServer,
  probesScript,
} from "../../../../../plugins/native/cluster/survey.ts";

const app: WantedRole = {
  name: "app",
  login: true,
  memberOf: ["readers"],
  settings: { statement_timeout: "60s" },
  password: "apppassword",
};

/** The role as PostgreSQL has it when everything was applied. */
function applied(role: WantedRole, changes: Partial<ActualRole> = {}): ActualRole {
  return {
    name: role.name,
    login: role.login,
    superuser: false,
    replication: false,
    createRole: false,
    createDatabase: false,
    bypassRls: false,
    connectionLimit: role.connectionLimit ?? -1,
    verifier: role.password === null ? null : scramVerifier(role.password),
    memberOf: role.memberOf,
    settings: role.settings,
    ...changes,
  };
}

test("the verifier is PostgreSQL's own for that password and salt", () => {
  // From a PostgreSQL 17.12: CREATE ROLE pencil PASSWORD 'pencil', read from pg_authid.
  const verifier =
    "SCRAM-SHA-256$4096:vjwzlkcstcECswyl++dOOQ==$9y5jelLVGbgYBzEzjBm9ouxn/TzCcdE6gX4dA/Fwz68=:D8JdeNOj7Gi7Oso0BfsHVKUAbMFMC8x0o0uC5o88Jpk=";
  expect(scramVerifier("pencil", Buffer.from("vjwzlkcstcECswyl++dOOQ==", "base64"))).toBe(verifier);
  expect(matches("pencil", verifier)).toBe(true);
  expect(matches("pencil2", verifier)).toBe(false);
  expect(matches("pencil", null)).toBe(false);
  expect(matches("pencil", "md5abcdef")).toBe(false);
});

test("every password matches its own verifier, and no verifier shows it", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 4, unit: "grapheme-ascii" }), (password) => {
      const verifier = scramVerifier(password);
      expect(matches(password, verifier)).toBe(true);
      expect(matches(`${password}x`, verifier)).toBe(false);
    }),
    { numRuns: 20 },
  );
});

test("a role that is as declared needs nothing: its verifier stays", () => {
  expect(rolesSql([app], [applied(app)])).toBe("");
});

test("a new role is made before it becomes a member, with its verifier and never its password", () => {
  const readers: WantedRole = { name: "readers", login: false, memberOf: [], settings: {}, password: null };
  const sql = rolesSql([app, readers], []);
  expect(sql.replace(/'SCRAM[^']*'/, "VERIFIER")).toBe(
    [
      "BEGIN;",
      "SET LOCAL log_statement = 'none';",
      "SET LOCAL log_min_duration_statement = -1;",
      "SET LOCAL log_min_error_statement = 'panic';",
      'CREATE ROLE "app";',
      'CREATE ROLE "readers";',
      'ALTER ROLE "app" LOGIN NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB NOBYPASSRLS CONNECTION LIMIT -1 PASSWORD VERIFIER;',
      'GRANT "readers" TO "app";',
      `ALTER ROLE "app" SET "statement_timeout" = '60s';`,
      'ALTER ROLE "readers" NOLOGIN NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB NOBYPASSRLS CONNECTION LIMIT -1;',
      "COMMIT;",
      "",
    ].join("\n"),
  );
  expect(sql).not.toContain("apppassword");
});

test("only what differs is corrected", () => {
  const before = applied(app, {
    superuser: true,
    memberOf: ["writers"],
    settings: { jit: "off" },
    connectionLimit: 5,
  });
  expect(roleDifferences(app, before)).toEqual(["attributes", "connectionLimit", "memberOf", "settings"]);
  expect(rolesSql([app], [before]).split("\n").slice(4, -2)).toEqual([
    'ALTER ROLE "app" NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB NOBYPASSRLS CONNECTION LIMIT -1;',
    'GRANT "readers" TO "app";',
    'REVOKE "writers" FROM "app";',
    `ALTER ROLE "app" SET "statement_timeout" = '60s';`,
    'ALTER ROLE "app" RESET "jit";',
  ]);
});

test("a password that went away goes away", () => {
  expect(rolesSql([{ ...app, password: null }], [applied(app)])).toContain('ALTER ROLE "app" PASSWORD NULL;');
});

test("databases are made or given to their owner", () => {
  const wanted = [
    { name: "a", owner: "x" },
    { name: "b", owner: "x" },
    { name: "c", owner: "x" },
  ];
  expect(
    databasesSql(wanted, [
      { name: "a", owner: "x" },
      { name: "b", owner: "postgres" },
    ]),
  ).toEqual(['ALTER DATABASE "b" OWNER TO "x";', 'CREATE DATABASE "c" OWNER "x";']);
});

test("quoting", () => {
  expect(name('a"b')).toBe('"a""b"');
  expect(literal("it's")).toBe("'it''s'");
  expect(literal("a\\b'c")).toBe("E'a\\\\b''c'");
});

const statements = [
  {
    name: "extension vector in app",
    database: "app",
    probe: "SELECT true;",
    act: "CREATE EXTENSION vector;",
  },
  { name: "it's in postgres", database: "postgres", probe: "SELECT false", act: "SELECT 1" },
  { name: "more in app", database: "app", probe: "SELECT true", act: "SELECT 2;\nSELECT 3;" },
];

test("all probes are asked in one script, by database, and one that does not exist is not asked", () => {
  expect(probesScript(statements)).toBe(
    [
      "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'app') AS found \\gset",
      "\\if :found",
      '\\connect "app"',
      "SELECT '0 ' || (SELECT true)::bool::text;",
      "SELECT '2 ' || (SELECT true)::bool::text;",
      "\\endif",
      "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'postgres') AS found \\gset",
      "\\if :found",
      '\\connect "postgres"',
      "SELECT '1 ' || (SELECT false)::bool::text;",
      "\\endif",
      "",
    ].join("\n"),
  );
});

test("what did not answer true is missing", () => {
  expect(missing(statements, "0 true\n1 false\n").map((one) => one.name)).toEqual([
    "it's in postgres",
    "more in app",
  ]);
});

test("acts run in their order, each in a transaction of its own", () => {
  expect(actsScript(statements)).toBe(
    [
      '\\connect "app"',
      "\\echo 'phasewise: at extension vector in app'",
      "BEGIN;",
      "CREATE EXTENSION vector;",
      "COMMIT;",
      '\\connect "postgres"',
      "\\echo 'phasewise: at it''s in postgres'",
      "BEGIN;",
      "SELECT 1;",
      "COMMIT;",
      '\\connect "app"',
      "\\echo 'phasewise: at more in app'",
      "BEGIN;",
      "SELECT 2;\nSELECT 3;",
      "COMMIT;",
      "",
    ].join("\n"),
  );
});

test("a setting's value may hold an equals sign", () => {
  const { password: _password, settings: _settings, ...role } = { ...applied(app), password: null };
  const output = JSON.stringify({
    inRecovery: false,
    hotStandby: true,
    version: "17.6",
    systemIdentifier: "1",
    timeline: 1,
    dataDirectory: "/d",
    binaries: "/b",
    libraries: "/l",
    pendingRestart: [],
    databases: [],
    roles: [{ ...role, settings: ["search_path=a, b=c"] }],
  });
  expect(parseServer(output).roles[0]?.settings).toEqual({ search_path: "a, b=c" });
});
