import { expect, test } from "vitest";
import { databasesFile, pgbouncer } from "../../../roles/pgbouncer.ts";
import { WRITES } from "../../../roles/pgbouncerConfiguration.ts";
import { POOLS } from "../../../roles/pools.ts";
import { fileOf } from "./machine.ts";

const role = pgbouncer({
  databases: ["app", "crm"],
  postgresVersion: 17,
  pool: POOLS.production,
  maximumClients: 2000,
});
const ini = fileOf(role, "/etc/pgbouncer/pgbouncer.ini").content;

test("clients go through HAProxy; a cutover can point one file elsewhere", () => {
  const path = "/etc/pgbouncer/databases.ini";
  expect(fileOf(role, path).content).toBe(
    "app = host=127.0.0.1 port=5000 dbname=app\ncrm = host=127.0.0.1 port=5000 dbname=crm\n",
  );
  expect(databasesFile(WRITES, ["app"], { host: "10.0.1.21", port: 5432 })).toMatchObject({
    path,
    content: "app = host=10.0.1.21 port=5432 dbname=app\n",
  });
  expect(ini).toContain(`[databases]\n%include ${path}\n`);
});

test("pools of the environment, with places of their own for owner and readers", () => {
  expect(ini).toContain("default_pool_size = 30\nreserve_pool_size = 15\n");
  expect(ini).toContain("max_db_connections = 60\n");
  expect(ini).toContain(
    "[users]\napp_owner = pool_size=3 reserve_pool_size=0\napp_readonly = pool_size=10 reserve_pool_size=0\ncrm_owner =",
  );
});

test("the console is reached by its socket only, machines' users not at all", () => {
  expect(fileOf(role, "/etc/pgbouncer/hba.conf").content).toBe(
    [
      "local pgbouncer postgres peer map=console",
      "local pgbouncer stats peer map=metrics",
      "local all all reject",
      "host pgbouncer all all reject",
      "host all postgres,replicator,rewind,pgbouncer,stats all reject",
      "hostssl all all all scram-sha-256",
      "",
    ].join("\n"),
  );
});

test("parameters that drivers send are accepted", () => {
  const accepted = /ignore_startup_parameters = (.*)/.exec(ini)![1]!.split(",");
  for (const name of ["extra_float_digits", "options", "search_path", "statement_timeout"]) {
    expect(accepted).toContain(name);
  }
});
