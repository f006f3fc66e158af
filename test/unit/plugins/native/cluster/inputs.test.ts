import { expect, test } from "vitest";
import { PatroniError } from "../../../../../clients/patroni.ts";
import { SshError, SshLost } from "../../../../../clients/ssh.ts";
import { asFound } from "../../../../../plugins/native/cluster/drift.ts";
import {
  checkInputs,
  plainInputs,
  type StoredCluster,
} from "../../../../../plugins/native/cluster/inputs.ts";
import { isBusy, leaderOf, NoLeader } from "../../../../../plugins/native/cluster/leader.ts";
import { overridesSql, parseOverrides, resetSql } from "../../../../../plugins/native/cluster/overrides.ts";
import { scramVerifier } from "../../../../../plugins/native/cluster/scram.ts";
import { propertyDiff } from "../../../../../plugins/server/diff.ts";
import { type Properties, Secret, UNKNOWN } from "../../../../../plugins/server/resource.ts";
import { operatorKey } from "../host/sample.ts";

function inputs(changes: Properties = {}): Properties {
  return {
    name: "main",
    members: [
      {
        name: "core-1",
        connection: { host: "198.18.0.2", privateKey: operatorKey.privateKey },
        hostKey: operatorKey.publicKey,
      },
    ],
    dynamicConfiguration: {
      ttl: 20,
      loop_wait: 3,
      retry_timeout: 5,
      postgresql: { use_slots: true, parameters: { work_mem: "8MB", max_connections: 100 } },
    },
    sql: {
      roles: [
        { name: "app", login: true, passwordSecret: "app-password", memberOf: [], settings: { jit: "off" } },
      ],
      databases: [{ name: "app", owner: "app" }],
      statements: [
        { name: "extension vector in app", database: "app", probe: "SELECT true", act: "SELECT 1" },
      ],
    },
    steps: [{ name: "a step", probe: "true", act: "true" }],
    secrets: { "app-password": "apppassword" },
    ...changes,
  };
}

function faults(changes: Properties): string[] {
  return checkInputs(inputs(changes)).failures.map(({ property, reason }) => `${property}: ${reason}`);
}

test("good inputs have no faults; keys and passwords are secrets", () => {
  const { inputs: kept, failures } = checkInputs(inputs());
  expect(failures).toEqual([]);
  expect(kept).toMatchObject({
    patroni: { port: 8008, ca: "/etc/phasewise/tls/root/ca.pem" },
    members: { "core-1": { connection: { port: 22, user: "root", privateKey: expect.any(Secret) } } },
    secrets: { "app-password": expect.any(Secret) },
    statementOrder: ["extension vector in app"],
  });
});

test("every fault is reported at once", () => {
  expect(
    faults({
      name: "Main",
      members: [],
      dynamicConfiguration: { ttl: 10, postgresql: { parameters: { "work-mem": 1 } } },
      steps: [{ name: "a", probe: "", act: "true" }],
      secrets: { "app-password": "with space" },
      sqll: {},
    }),
  ).toEqual([
    "name: must be lower case letters, digits and dashes",
    "members: must name one member or more",
    "dynamicConfiguration.ttl: must be 20 or more",
    "dynamicConfiguration.postgresql.parameters.work-mem: must be the name of a setting",
    "steps[0].probe: must not be empty",
    "secrets.app-password: must be printable ASCII without spaces",
    "sqll: is no known property: is it misspelt?",
  ]);
});

test("faults that no single value shows", () => {
  const sql = inputs().sql as Record<string, Properties[]>;
  expect(
    faults({
      secrets: {},
      dynamicConfiguration: { ttl: 20, loop_wait: 10 },
      sql: {
        ...sql,
        databases: [...(sql.databases ?? []), ...(sql.databases ?? [])],
        statements: [{ ...sql.statements?.[0], database: "other" }],
      },
    }),
  ).toEqual([
    "sql.databases[1].name: app is there twice",
    "sql.roles[0].passwordSecret: asks for the secret app-password, which is not given",
    "sql.statements[0].database: other is not among the databases",
    "dynamicConfiguration.ttl: loop_wait + 2 * retry_timeout must not be more than ttl: 10 + 2 * 10 > 20",
  ]);
});

test("what a preview does not know is no fault and no false change", () => {
  const member = (inputs().members as Properties[])[0];
  const { inputs: kept, failures } = checkInputs(inputs({ members: [{ ...member, hostKey: UNKNOWN }] }));
  expect(failures).toEqual([]);
  expect(
    Object.keys(propertyDiff({ olds: checkInputs(inputs()).inputs, news: kept }).detailed ?? {}),
  ).toEqual(["members.core-1.hostKey"]);
});

test("one changed parameter is one changed line", () => {
  const changed = structuredClone(inputs().dynamicConfiguration) as {
    postgresql: { parameters: Properties };
  };
  changed.postgresql.parameters.work_mem = "16MB";
  const { detailed } = propertyDiff({
    olds: checkInputs(inputs()).inputs,
    news: checkInputs(inputs({ dynamicConfiguration: changed })).inputs,
  });
  expect(detailed).toEqual({ "dynamicConfiguration.postgresql.parameters.work_mem": "update" });
});

test("drift shows as the way back", () => {
  const wanted = plainInputs(checkInputs(inputs()).inputs);
  const role = {
    name: "app",
    login: false,
    superuser: true,
    replication: false,
    createRole: false,
    createDatabase: false,
    bypassRls: false,
    connectionLimit: -1,
    verifier: scramVerifier("another"),
    memberOf: ["x"],
    settings: {},
  };
  const found = asFound(wanted, {
    configuration: {
      ...wanted.dynamicConfiguration,
      pause: true,
      postgresql: { use_slots: true, parameters: { work_mem: "64MB", max_connections: "100", jit: "on" } },
    },
    server: { roles: [role], databases: [{ name: "app", owner: "postgres" }] } as never,
    overrides: [
      { member: "core-1", name: "max_connections", value: "7" },
      { member: "core-1", name: "pg_stat_statements.max", value: "5" },
    ],
    missingStatements: ["extension vector in app"],
    missingSteps: ["a step"],
    outputs: {} as never,
  });
  const back = propertyDiff({ olds: { ...found }, news: { ...wanted } });
  expect(back.detailed).toEqual({
    "dynamicConfiguration.postgresql.parameters.work_mem": "update",
    "dynamicConfiguration.postgresql.parameters.jit": "delete",
    "dynamicConfiguration.postgresql.parameters.max_connections": "update",
    'dynamicConfiguration.postgresql.parameters["pg_stat_statements.max"]': "delete",
    "roles.app.login": "update",
    "roles.app.memberOf[0]": "delete",
    "roles.app.settings.jit": "add",
    "roles.app.found": "delete",
    "databases.app.owner": "update",
    'statements["extension vector in app"].found': "delete",
    'steps["a step"].found': "delete",
    "secrets.app-password": "update",
  });
  expect(JSON.stringify(found)).not.toContain("SCRAM");
});

test("nothing found is nothing changed", () => {
  const wanted: StoredCluster = plainInputs(checkInputs(inputs()).inputs);
  const role = { name: "app", login: true, connectionLimit: -1, memberOf: [], settings: { jit: "off" } };
  const none = {
    superuser: false,
    replication: false,
    createRole: false,
    createDatabase: false,
    bypassRls: false,
  };
  const found = asFound(wanted, {
    configuration: wanted.dynamicConfiguration,
    server: {
      roles: [{ ...role, ...none, verifier: scramVerifier("apppassword") }],
      databases: [{ name: "app", owner: "app" }],
    } as never,
    overrides: [],
    missingStatements: [],
    missingSteps: [],
    outputs: {} as never,
  });
  expect(found).toEqual(wanted);
});

test("what ALTER SYSTEM left is taken back by its name", () => {
  const found = parseOverrides("db-1", '{"work_mem": "99MB", "pg_stat_statements.max": "5"}');
  expect(found).toEqual([
    { member: "db-1", name: "work_mem", value: "99MB" },
    { member: "db-1", name: "pg_stat_statements.max", value: "5" },
  ]);
  expect(resetSql(found)).toBe(
    'ALTER SYSTEM RESET "work_mem";\nALTER SYSTEM RESET "pg_stat_statements"."max";\nSELECT pg_reload_conf();\n',
  );
  // A restore and Patroni write into the same file.
  for (const name of ["restore_command", "primary_conninfo", "recovery_target_time"])
    expect(overridesSql).toContain(name);
});

test("who leads, or why there is nobody to work with", () => {
  const seen = (...members: [string, string, string][]) => ({
    cluster: { members: members.map(([name, role, state]) => ({ name, role, state })) },
  });
  expect(leaderOf(seen(["a", "replica", "streaming"], ["b", "leader", "running"]), ["a", "b"])).toEqual({
    leader: "b",
  });
  expect(leaderOf(seen(["a", "replica", "running"], ["b", "replica", "starting"]), ["a"])).toEqual({
    reason: "no leader yet; a running, b starting",
  });
  expect(leaderOf(seen(), ["a"])).toEqual({ reason: "no leader yet; no members" });
  expect(leaderOf(seen(["b", "leader", "running"]), ["a"])).toEqual({
    reason: "the leader is b, which is not among the declared members",
  });
  expect(leaderOf(seen(["a", "leader", "starting"]), ["a"])).toEqual({ reason: "the leader a is starting" });
  expect(leaderOf({ reason: "a: no answer" }, ["a"])).toEqual({ reason: "a: no answer" });
});

test("a member that came to no answer in time is busy; one that says no, or is down, is not", () => {
  const unreachable = (answered: boolean) => new SshError("no answer", "unreachable", answered);
  const curl = (words: string) => new PatroniError(`Patroni does not answer GET /cluster: ${words}`, 0);
  expect(
    [
      unreachable(true),
      new SshLost("cut"),
      curl("curl: (28) Operation timed out after 10001 milliseconds"),
      new NoLeader("nobody answered", true),
    ].map(isBusy),
  ).toEqual([true, true, true, true]);
  expect(
    [
      unreachable(false),
      new SshError("another key", "hostkey", true),
      curl("curl: (7) Failed to connect to 127.0.0.1 port 8008"),
      new NoLeader("no leader yet; a running"),
    ].map(isBusy),
  ).toEqual([false, false, false, false]);
});
