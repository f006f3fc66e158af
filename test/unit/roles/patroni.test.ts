import { expect, test } from "vitest";
import { parse } from "yaml";
import { etcd } from "../../../roles/etcd.ts";
import { patroni } from "../../../roles/patroni.ts";
import { dynamicConfiguration } from "../../../roles/patroniConfiguration.ts";
import { fileOf, patroniSettings } from "./machine.ts";

const CONFIGURATION = "/etc/patroni/member/10-member.yml";

function configuration(settings = patroniSettings) {
  return parse(fileOf(patroni(settings), CONFIGURATION).content);
}

test("the first start gets all that would need a restart later, with the values that the cluster is given", () => {
  const { postgresql, ...rest } = configuration().bootstrap.dcs;
  const { postgresql: whole, ...all } = dynamicConfiguration(patroniSettings.parameters, "async") as Record<
    string,
    never
  >;
  expect(rest).toEqual(all);
  expect(whole).toMatchObject(postgresql);
  expect(Object.keys(postgresql.parameters).sort()).toEqual([
    "archive_command",
    "archive_mode",
    "archive_timeout",
    "autovacuum_max_workers",
    "hot_standby",
    "huge_pages",
    "logging_collector",
    "max_connections",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "password_encryption",
    "pg_stat_statements.max",
    "pg_stat_statements.track",
    "shared_buffers",
    "shared_preload_libraries",
    "ssl",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_key_file",
    "ssl_min_protocol_version",
    "superuser_reserved_connections",
    "wal_level",
    "wal_log_hints",
  ]);
});

test("a setting that can be reloaded changes nothing on the machine", () => {
  const slower = { ...patroniSettings.parameters, log_min_duration_statement: "1s", work_mem: "8MB" };
  expect(patroni({ ...patroniSettings, parameters: slower })).toEqual(patroni(patroniSettings));
});

test("the timers leave room for two tries before the leader's key is lost", () => {
  const { ttl, loop_wait, retry_timeout } = dynamicConfiguration({}, "async") as Record<string, number>;
  expect(ttl).toBeGreaterThanOrEqual(20);
  expect(loop_wait! + 2 * retry_timeout!).toBeLessThanOrEqual(ttl!);
});

test("a new cluster has checksums, UTF8, a locale that never changes, and trusts nobody", () => {
  expect(configuration().bootstrap.initdb).toEqual([
    "data-checksums",
    { "auth-local": "peer" },
    { "auth-host": "reject" },
    { encoding: "UTF8" },
    { "locale-provider": "builtin" },
    { "builtin-locale": "C.UTF-8" },
    { locale: "C.UTF-8" },
    { "sync-method": "syncfs" },
  ]);
});

test("nobody comes without TLS and a password, and the machines' own users only where they belong", () => {
  expect(configuration().postgresql.pg_hba).toEqual([
    "local all postgres peer",
    "local all all peer map=owners",
    "hostssl replication replicator 127.0.0.1/32 scram-sha-256",
    "hostssl replication replicator 10.0.1.0/24 scram-sha-256",
    "hostssl postgres rewind 127.0.0.1/32 scram-sha-256",
    "hostssl postgres rewind 10.0.1.0/24 scram-sha-256",
    "host all postgres,replicator,rewind all reject",
    "hostssl all all 127.0.0.1/32 scram-sha-256",
    "hostssl all all 10.0.1.0/24 scram-sha-256",
  ]);
});

test("placeholders of secrets stay strings in YAML", () => {
  const { replication, rewind, superuser } = configuration().postgresql.authentication;
  expect([replication.password, rewind.password]).toEqual([
    "{{secret:replicator-password}}",
    "{{secret:rewind-password}}",
  ]);
  expect(superuser).toEqual({ username: "postgres" });
});

test("changed settings are reloaded; a changed unit waits for a rollout", () => {
  const role = patroni(patroniSettings);
  expect(fileOf(role, CONFIGURATION).onChange).toEqual([{ unit: "patroni.service", action: "reload" }]);
  const dropIn = fileOf(role, "/etc/systemd/system/patroni.service.d/10-phasewise.conf");
  expect(dropIn.onChange).toEqual([{ unit: "patroni.service", action: "pending" }]);
  expect(role.units.filter((unit) => unit.state === "running").every((unit) => unit.stateful)).toBe(true);
});

test("where etcd is changes with a promotion, and calls for no restart", () => {
  const grown = patroni({ ...patroniSettings, etcd: [...patroniSettings.etcd, "10.0.1.21", "10.0.1.22"] });
  const before = patroni(patroniSettings).files.map((file) => JSON.stringify(file));
  const changed = grown.files.filter((file) => !before.includes(JSON.stringify(file)));
  expect(changed.map(({ path }) => path)).toContain("/usr/local/lib/phasewise/patroni-choose-bootstrap");
  expect(changed.flatMap(({ onChange = [] }) => onChange.map(({ action }) => action))).toEqual(["reload"]);
});

test("a member of several is ready when Patroni answers, not when its copy is made", () => {
  expect(patroni(patroniSettings).ready?.name).toBe("PostgreSQL accepts connections");
  const joining = patroni({ ...patroniSettings, alone: false }).ready;
  expect(joining?.command).toContain("https://10.0.1.11:8008/liveness");
});

test("etcd's first members are a seed: they mean nothing once it runs", () => {
  const member = { name: "db-1", address: "10.0.1.21" };
  const members = [{ name: "core-1", address: "10.0.1.11" }, member];
  const role = etcd({ ...member, token: "main", initial: { state: "existing", members }, leads: false });
  expect(fileOf(role, "/etc/default/etcd-initial")).toMatchObject({
    seed: true,
    content:
      "ETCD_INITIAL_CLUSTER=core-1=https://10.0.1.11:2380,db-1=https://10.0.1.21:2380\n" +
      "ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER_TOKEN=main\n",
  });
});

test("an etcd member that is not among the first members is refused", () => {
  const settings = {
    name: "db-1",
    address: "10.0.1.21",
    token: "main",
    initial: { state: "new" as const, members: [] },
    leads: false,
  };
  expect(() => etcd(settings)).toThrow(
    "etcd on db-1: the initial members do not name it with its address 10.0.1.21",
  );
});
