import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Patroni, type PatroniAccess } from "../../../clients/patroni.ts";
import { connect, type SshSession } from "../../../clients/ssh.ts";
import { authority } from "../../../plugins/native/authority.ts";
import { certificate } from "../../../plugins/native/certificate.ts";
import { cluster } from "../../../plugins/native/cluster/cluster.ts";
import type { Properties } from "../../../plugins/server/resource.ts";
import { type Driven, drive } from "../../../plugins/server/testing.ts";
import { unwrap } from "../../../plugins/server/values.ts";
import { data } from "../../../roles/data.ts";
import { etcd } from "../../../roles/etcd.ts";
import type { Manifest } from "../../../roles/manifest.ts";
import { patroni } from "../../../roles/patroni.ts";
import { dynamicConfiguration } from "../../../roles/patroniConfiguration.ts";
import type { PostgresParameters } from "../../../roles/postgresParameters.ts";
import { clusterSql } from "../../../roles/sql/cluster.ts";
import { nodeTls, tls } from "../../../roles/tls.ts";
import { attachment, privateNetwork, until } from "../machines/testCloud.ts";
import { blank, driveHost, HostCloud, manifest, mounted, operatorKey } from "./hostCloud.ts";

const cloud = new HostCloud("cluster");
const root = nodeTls("root");
const node = nodeTls("patroni");
const access: PatroniAccess = { port: 8008, ca: root.ca, certificate: root.certificate, key: root.key };
const address = (id: number) => attachment(id).ip;
const members = [1, 2].map((id) => ({ id, name: `machine-${id}`, address: address(id) }));

const parameters: PostgresParameters = {
  shared_buffers: "64MB",
  max_connections: 40,
  work_mem: "4MB",
  ssl: "on",
  ssl_ca_file: node.ca,
  ssl_cert_file: node.certificate,
  ssl_key_file: node.key,
  shared_preload_libraries: "pg_stat_statements",
  wal_level: "logical",
};
const passwords = {
  "pgbouncer-password": "password-of-pgbouncer",
  "monitor-password": "password-of-monitor",
  "app-owner-password": "password-of-owner",
  "app-password": "password-of-app",
  "app-readonly-password": "password-of-readonly",
};

const hosts = new Map<number, Driven>();
const driven = drive(cluster);
const secrets = new Map<number, Record<string, string>>();

async function issue(): Promise<void> {
  const ca = drive(authority);
  await ca.up({ commonName: "test" });
  const signer = unwrap(ca.state?.outputs) as Record<string, string>;
  for (const { id, name, address: ip } of members) {
    const leaf = drive(certificate);
    await leaf.up({
      authorityCertificate: signer.certificate,
      authorityPrivateKey: signer.privateKey,
      commonName: name,
      dnsNames: [name, "localhost"],
      ipAddresses: ["127.0.0.1", ip],
      usages: ["server", "client"],
    });
    const made = unwrap(leaf.state?.outputs) as Record<string, string>;
    secrets.set(id, {
      "ca-certificate": signer.certificate ?? "",
      "node-certificate": made.certificate ?? "",
      "node-key": made.privateKey ?? "",
      "replicator-password": "password-of-replicator",
      "rewind-password": "password-of-rewind",
    });
  }
}

/** PostgreSQL under Patroni on each machine, etcd on the first alone: nothing here is about losing that. */
function machine(id: number, changes: PostgresParameters = {}): Manifest {
  const { name, address: ip } = members[id - 1]!;
  const first = members[0]!;
  const roles = [
    tls(),
    data(),
    ...(id === 1
      ? [
          etcd({
            name,
            address: ip,
            token: "test",
            initial: { state: "new", members: [first] },
            leads: false,
          }),
        ]
      : []),
    patroni({
      cluster: "main",
      name,
      address: ip,
      etcd: [first.address],
      postgresVersion: 17,
      parameters: { ...parameters, ...changes },
      replicationPeers: ["10.0.1.0/24"],
      clients: ["10.0.1.0/24"],
      durability: "async",
      alone: id === 1,
    }),
  ];
  return manifest(roles, { hostname: name, mounts: [mounted(id)] });
}

async function converge(id: number, wanted: Manifest): Promise<void> {
  const host = hosts.get(id) ?? driveHost();
  hosts.set(id, host);
  await host.up(cloud.inputs(id, wanted, { secrets: secrets.get(id) }));
}

function inputs(
  changes: { parameters?: PostgresParameters; secrets?: Record<string, string>; sql?: object } = {},
): Properties {
  return {
    name: "main",
    members: members.map(({ id, name }) => ({
      name,
      connection: { host: cloud.address(id), privateKey: operatorKey.privateKey },
      hostKey: hosts.get(id)?.state?.outputs.hostKey,
    })),
    dynamicConfiguration: dynamicConfiguration({ ...parameters, ...changes.parameters }, "async"),
    sql: { ...clusterSql({ databases: ["app"], extensions: ["vector"] }), ...changes.sql },
    steps: [{ name: "a step", probe: "test -e /run/stepped", act: "touch /run/stepped" }],
    secrets: { ...passwords, ...changes.secrets },
  };
}

/** Patroni of machine `id`, over a session that the caller closes. */
async function patroniOf(id: number): Promise<{ session: SshSession; rest: Patroni }> {
  const hostKeys = [String(hosts.get(id)?.state?.outputs.hostKey)];
  const target = {
    host: cloud.address(id),
    port: 22,
    user: "root",
    privateKey: operatorKey.privateKey,
    hostKeys,
  };
  const session = await connect(target);
  return { session, rest: new Patroni(session, access) };
}

/** A query as superuser on machine `id`. */
async function sql(id: number, query: string, database = "postgres"): Promise<string> {
  return cloud.inside(
    id,
    `cd /; runuser -u postgres -- psql -XAtq -d ${database} -c "${query.replaceAll('"', '\\"')}"`,
  );
}

/** Whether this role can log in over TLS with this password. */
async function canLogIn(id: number, user: string, password: string): Promise<boolean> {
  const target = `host=127.0.0.1 dbname=app user=${user} sslmode=require`;
  const answer = await cloud.inside(
    id,
    `PGPASSWORD=${password} psql -XAtq '${target}' -c 'SELECT 1' 2>&1 || true`,
  );
  return answer === "1";
}

beforeAll(async () => {
  await cloud.open();
  await cloud.hypervisor.ensureNetwork(privateNetwork);
  await issue();
  for (const { id } of members)
    await cloud.machine(id, { volumes: [blank(id, id)], networks: [attachment(id)] });
});
afterAll(() => cloud.destroy());

describe("a machine whose PostgreSQL does not start", () => {
  it("shows why, out of the journal", async () => {
    const wanted = machine(1, { shared_buffers: "900GB" });
    const last = wanted.roles.at(-1)!;
    if (last.ready !== undefined) last.ready.deadlineSeconds = 12;
    const failure = converge(1, wanted);
    await expect(failure).rejects.toThrow(
      "machine-1, patroni: PostgreSQL accepts connections: not ready after 12 s",
    );
    await expect(failure).rejects.toThrow(
      /Journal of patroni.service:\n[\s\S]*(shared memory|Cannot allocate)/,
    );
    await cloud.inside(
      1,
      "systemctl stop patroni; rm -rf /data/postgresql/17/main; systemctl stop etcd; rm -rf /data/etcd",
    );
  });
});

describe("a new cluster", () => {
  it("has its databases, roles and extensions in seconds", async () => {
    await converge(1, machine(1));
    await converge(2, machine(2));
    const begin = Date.now();
    await driven.up(inputs());
    expect(Date.now() - begin).toBeLessThan(15_000);
    expect(driven.state).toMatchObject({
      id: "main",
      outputs: {
        leader: "machine-1",
        timeline: 1,
        postgresVersion: expect.stringMatching(/^17\./),
        pendingRestarts: [],
      },
    });
    expect(await sql(1, "SELECT extname FROM pg_extension ORDER BY 1", "app")).toBe(
      "pg_stat_statements\nplpgsql\nvector",
    );
    expect(await cloud.inside(1, "ls /run/stepped")).toBe("/run/stepped");
  });

  it("lets roles in with their passwords, which it was never told", async () => {
    expect(await canLogIn(1, "app", passwords["app-password"])).toBe(true);
    expect(await canLogIn(1, "app", "another")).toBe(false);
    expect(await cloud.inside(1, "journalctl --no-pager | grep -c password-of-app || true")).toBe("0");
    expect(driven.lines.join("\n")).not.toContain("password-of");
  });

  it("is joined by its other member", async () => {
    const { session, rest } = await patroniOf(1);
    await until(
      "the other member follows",
      async () => {
        const { members: seen } = await rest.cluster();
        return seen.some((one) => one.name === "machine-2" && one.state === "streaming");
      },
      90,
    );
    session.close();
  });

  it("is as declared: a refresh finds nothing", async () => {
    await driven.refresh();
    expect((await driven.preview(inputs())).steps).toEqual(["same"]);
  });
});

describe("a changed setting", () => {
  const started = () => sql(1, "SELECT pg_postmaster_start_time()");

  it("is reloaded on every member, not restarted", async () => {
    const before = await started();
    const begin = Date.now();
    await driven.up(inputs({ parameters: { work_mem: "6MB" } }));
    expect(Date.now() - begin).toBeLessThan(6_000);
    expect(await sql(1, "SHOW work_mem")).toBe("6MB");
    await until("the other member has it", async () => (await sql(2, "SHOW work_mem")) === "6MB");
    expect(await started()).toBe(before);
    expect(driven.state?.outputs.pendingRestarts).toEqual([]);
  });

  it("that PostgreSQL refuses is named with its words, and nothing is changed", async () => {
    const wrong = {
      work_mem: "6XB",
      no_such_setting: 1,
      shared_preload_libraries: "pg_stat_statements, no_such_library",
    };
    await expect(driven.up(inputs({ parameters: wrong }))).rejects.toThrow(
      [
        "PostgreSQL refuses 3 settings:",
        '  work_mem = 6XB: invalid value for parameter "work_mem": "6XB" Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".',
        "  shared_preload_libraries = pg_stat_statements, no_such_library: there is no library no_such_library",
        '  no_such_setting = 1: unrecognized configuration parameter "no_such_setting"',
        "Nothing was changed: the cluster runs with its old configuration. Correct the value under postgresql.parameters.",
      ].join("\n"),
    );
    await driven.refresh();
    expect((await driven.preview(inputs({ parameters: { work_mem: "6MB" } }))).steps).toEqual(["same"]);
  });

  it("that Patroni does not pass on is taken back", async () => {
    const failure = driven.up(inputs({ parameters: { work_mem: "7MB", wal_level: "minimal" } }));
    await expect(failure).rejects.toThrow(
      /^These settings do not come into force:\n {2}wal_level = minimal: Patroni puts \w+ in its place\nThe old configuration was put back/,
    );
    await until("the old setting is back", async () => (await sql(1, "SHOW work_mem")) === "6MB");
    expect(await sql(1, "SELECT count(*) FROM pg_settings WHERE pending_restart")).toBe("0");
  });

  it("that needs a restart is pending until Patroni restarts", async () => {
    await driven.up(inputs({ parameters: { max_connections: 50 } }));
    expect(driven.state?.outputs.pendingRestarts).toContainEqual({
      member: "machine-1",
      parameters: ["max_connections"],
    });
    expect(driven.messages).toContain(
      "warning: machine-1 has to be restarted for max_connections: rollout does it.",
    );
    for (const { id } of members) {
      const { session, rest } = await patroniOf(id);
      await until(`${id} knows it`, async () => (await rest.status()).pending_restart === true);
      await rest.restart({ timeoutSeconds: 60, onlyIfPending: true });
      await rest.restart({ timeoutSeconds: 60, onlyIfPending: true });
      session.close();
    }
    expect(await sql(1, "SHOW max_connections")).toBe("50");
    await driven.refresh();
    await until("no member is pending", async () => {
      await driven.refresh();
      return (driven.state!.outputs.pendingRestarts as unknown[]).length === 0;
    });
  });

  it("that is no longer declared goes back to its default", async () => {
    const { work_mem: _gone, ...fewer }: PostgresParameters = { ...parameters, max_connections: 50 };
    await driven.up({ ...inputs(), dynamicConfiguration: dynamicConfiguration(fewer, "async") });
    expect(await sql(1, "SELECT source FROM pg_settings WHERE name = 'work_mem'")).toBe("default");
    await driven.up(inputs({ parameters: { max_connections: 50 } }));
  });
});

describe("drift", () => {
  it("of roles, databases, statements and settings is found and put right", async () => {
    const wanted = inputs({ parameters: { max_connections: 50 } });
    await sql(
      1,
      "ALTER ROLE app CONNECTION LIMIT 3 SUPERUSER PASSWORD 'another'; ALTER ROLE app_owner SET jit = off; DROP ROLE IF EXISTS nobody",
    );
    await sql(1, "ALTER DATABASE app OWNER TO postgres");
    await sql(1, "DROP EXTENSION vector", "app");
    await cloud.inside(
      1,
      `curl -sf --cacert ${root.ca} --cert ${root.certificate} --key ${root.key} -X PATCH https://127.0.0.1:8008/config ` +
        `-d '{"ttl": 25, "postgresql": {"parameters": {"jit": "off"}}}'`,
    );
    await driven.refresh();
    expect(Object.keys((await driven.preview(wanted)).diff?.detailed ?? {}).sort()).toEqual([
      "databases.app.owner",
      "dynamicConfiguration.postgresql.parameters.jit",
      "dynamicConfiguration.ttl",
      "roles.app.connectionLimit",
      "roles.app.found",
      "roles.app_owner.settings.jit",
      "secrets.app-password",
      'statements["extension vector in app"].found',
      // Rights that the owner had by being it.
      'statements["schema public of app"].found',
      'statements["who may connect to app"].found',
    ]);
    await driven.up(wanted);
    expect(await canLogIn(1, "app", passwords["app-password"])).toBe(true);
    await driven.refresh();
    expect((await driven.preview(wanted)).steps).toEqual(["same"]);
  });

  it("is none where nothing changed: verifiers stay as they are", async () => {
    const verifiers = () =>
      sql(1, "SELECT md5(string_agg(rolpassword, ',' ORDER BY rolname)) FROM pg_authid");
    const before = await verifiers();
    const wanted = inputs({
      parameters: { max_connections: 50 },
      secrets: { "monitor-password": "a-new-password" },
    });
    await driven.up(wanted);
    const after = await verifiers();
    expect(after).not.toBe(before);
    await driven.up({ ...wanted, steps: [] });
    expect(await verifiers()).toBe(after);
  });
});

describe("SQL", () => {
  it("that fails is named with PostgreSQL's words, and rolled back", async () => {
    const declared = clusterSql({ databases: ["app"], extensions: ["vector"] });
    const wrong = {
      name: "a table",
      database: "app",
      probe: "SELECT false",
      act: "CREATE TABLE t (a int); SELECT 1/0",
    };
    const sqlWithFault = { statements: [...declared.statements, wrong] };
    await expect(
      driven.up(inputs({ parameters: { max_connections: 50 }, sql: sqlWithFault })),
    ).rejects.toThrow(
      "a table: ERROR:  division by zero\nIts transaction was rolled back, what was done before stays. Run again after the repair.",
    );
    expect(await sql(1, "SELECT to_regclass('t') IS NULL", "app")).toBe("t");
  });

  it("that a declaration leaves out stays, and is told", async () => {
    const declared = clusterSql({ databases: ["app"], extensions: ["vector"] });
    const fewer = { roles: declared.roles.filter((one) => one.name !== "app_readonly"), statements: [] };
    await driven.up(inputs({ parameters: { max_connections: 50 }, sql: fewer }));
    expect(driven.messages).toContain(
      "warning: No longer declared, but left as they are, since they may hold data: role app_readonly.",
    );
    expect(await sql(1, "SELECT count(*) FROM pg_roles WHERE rolname = 'app_readonly'")).toBe("1");
    await driven.up(inputs({ parameters: { max_connections: 50 } }));
  });
});

describe("another leader", () => {
  it("is found, whoever it is, and worked through", async () => {
    const { session, rest } = await patroniOf(1);
    await rest.switchover("machine-1", "machine-2");
    session.close();
    await driven.up(
      inputs({
        parameters: { max_connections: 50, work_mem: "9MB" },
        secrets: { "app-password": "password-of-app-2" },
      }),
    );
    expect(driven.state?.outputs).toMatchObject({ leader: "machine-2", timeline: 2 });
    expect(await sql(2, "SHOW work_mem")).toBe("9MB");
    expect(await canLogIn(2, "app", "password-of-app-2")).toBe(true);
  });

  it("is said to be missing, with the journal, where there is none", async () => {
    await cloud.inside(2, "systemctl stop patroni");
    await cloud.inside(1, "systemctl stop patroni");
    const failure = drive(cluster).up({ ...inputs(), deadlineSeconds: 3 });
    await expect(failure).rejects.toThrow(
      /^The cluster has no working leader after \d+ s: machine-1: Patroni does not answer/,
    );
    await expect(failure).rejects.toThrow(
      /Journal of patroni.service on machine-1:\n[\s\S]*Journal of patroni.service on machine-2:/,
    );
  });
});
