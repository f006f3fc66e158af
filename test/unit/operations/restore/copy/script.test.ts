import { expect, test } from "vitest";
import {
  connectSql,
  dumpDatabase,
  dumpTable,
  loadBegin,
  loadEnd,
  makeDatabase,
  temporaryName,
} from "../../../../../operations/restore/copy/script.ts";

test("a table's dump takes its partitions with it, whatever its name is", () => {
  expect(dumpTable("app", { schema: "public", name: "it's" })).toBe(
    "cd /tmp && runuser -u postgres -- pg_dump --no-owner --no-publications --no-subscriptions" +
      ` --table-and-children='"public"."it'\\''s"' -d 'app'`,
  );
});

test("a database's dump leaves out what its copy has already", () => {
  expect(dumpDatabase("app", [{ name: "vector", schema: "public" }])).toBe(
    "cd /tmp && runuser -u postgres -- pg_dump --no-owner --no-publications --no-subscriptions" +
      ` --exclude-extension='"vector"' --exclude-schema=pgbouncer --exclude-schema=pg_catalog -d 'app'`,
  );
});

test("a load is one transaction that ends only after the rows were counted", () => {
  expect(loadBegin("b")).toBe(
    "BEGIN;\nSET LOCAL idle_in_transaction_session_timeout = 0;\nSET LOCAL statement_timeout = 0;\n" +
      "SET LOCAL client_min_messages = warning;\n" +
      'CREATE SCHEMA IF NOT EXISTS "b";\n\\o /dev/null\n',
  );
  const count =
    'SELECT jsonb_agg(n ORDER BY i) FROM (VALUES (0, (SELECT count(*) FROM ONLY "b"."a"))) AS counts (i, n)';
  expect(loadEnd([{ schema: "b", name: "a" }], [7])).toBe(
    [
      `DO $phasewise$ BEGIN IF (${count}) <> '[7]'::jsonb THEN RAISE EXCEPTION 'the copy has other numbers of rows than the restored state'; END IF; END $phasewise$;`,
      "\\o",
      `${count};`,
      "\\o /dev/null",
      'ANALYZE "b"."a";',
      "COMMIT;",
      "",
    ].join("\n"),
  );
});

test("a database is made as the restored one was, under another name at first", () => {
  const making = { owner: "app_owner", encoding: "UTF8", collate: "C.UTF-8", ctype: "C.UTF-8" };
  expect(temporaryName("app")).toBe("phasewise_restoring_app");
  expect(makeDatabase("t", "app_owner", { ...making, provider: "c", locale: null })).toEqual([
    'DROP DATABASE IF EXISTS "t"',
    `CREATE DATABASE "t" OWNER "app_owner" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' LOCALE_PROVIDER libc`,
  ]);
  expect(makeDatabase("t", "o", { ...making, provider: "i", locale: "und" })[1]).toMatch(
    /LOCALE_PROVIDER icu ICU_LOCALE 'und'$/,
  );
  expect(makeDatabase("t", "o", { ...making, provider: "b", locale: "C.UTF-8" })[1]).toMatch(
    /LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'$/,
  );
});

test("the roles that the stack has may connect to it", () => {
  expect(connectSql("t", "app", ["app", "monitor", "pgbouncer"])).toEqual([
    'GRANT CONNECT ON DATABASE "t" TO "app"',
    'GRANT CONNECT ON DATABASE "t" TO "monitor"',
    'GRANT CONNECT ON DATABASE "t" TO "pgbouncer"',
    'GRANT TEMPORARY ON DATABASE "t" TO "app"',
  ]);
});
