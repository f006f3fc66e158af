import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { members, powerOff, serverId } from "./failover.ts";
import { Receiver } from "./receiver.ts";
import { secondRepositoryRefuses } from "./refusingRepository.ts";
import { Stack } from "./stack.ts";
import { isTurnOf } from "./turn.ts";

/** Backups of a cluster with a standby, and their bad days: on machines, with an object storage that refuses. */
const stack = new Stack("backups");
const receiver = new Receiver(stack);
const faultsFile = join(stack.directory, "cloud/objects/faults.json");
const faults = (value: object) => writeFileSync(faultsFile, JSON.stringify(value));
const noFaults = () => rmSync(faultsFile, { force: true });

interface Backup {
  label: string;
  type: string;
}
const backups = async (repository = 1) =>
  (await stack.json<{ clusters: { backups: Backup[] }[] }>("backups", stack.name)).clusters[repository - 1]!
    .backups;
const on = async (machine: string, command: string) =>
  (await stack.expectOk("ssh", stack.name, machine, "--", command)).trim();
const making = (machine: string) =>
  on(machine, "systemctl is-active phasewise-backup@full.service phasewise-backup@diff.service || true");
const number = async (machine: string, name: string) => {
  const text = await on(machine, `cat /var/lib/prometheus/node-exporter/phasewise-backup.prom`);
  return Number(new RegExp(`^${name}\\{.*\\} (\\S+)$`, "m").exec(text)?.[1]);
};
const data = ["db-1", "db-2"];
/**
 * By turns: the repository alone has its bad days, of which its keys are revoked in one and the bucket is deleted in
 * another; or a second one and dumps stand beside it, and one of the two is gone or refuses.
 */
const alone = isTurnOf(0, 2);
const [single, both] = [test.runIf(alone), test.runIf(!alone)];
const [revoked, deleted] = [test.runIf(isTurnOf(0, 4)), test.runIf(isTurnOf(2, 4))];
const [gone, refused] = [test.runIf(isTurnOf(1, 4)), test.runIf(isTurnOf(3, 4))];
/** More segments than may wait. */
const fill = (table: string) => `${psql} 'CREATE TABLE ${table} (n int, t text)'
    for round in $(seq 18); do
      ${psql} "INSERT INTO ${table} SELECT $round, repeat('x', 100) FROM generate_series(1, 1000)" -c 'SELECT pg_switch_wal()'
    done`;
const psql = "runuser -u postgres -- psql -XAtq -d app -c";
let leader: string;
let standby: string;

const runbooks = "https://docs.example.com/phasewise";
const settings = {
  "phasewise:phase": 2,
  "phasewise:redis": { enabled: false },
  // 10 GB: log is given up when more than 12 segments wait.
  "phasewise:backup": { queuePercent: 2 },
  "phasewise:alerts": { webhook: receiver.url, heartbeat: receiver.heartbeat, runbooks },
};

beforeAll(async () => {
  await stack.reset();
  stack.configure(settings);
  await stack.up();
  await receiver.start();
  await stack.eventually(async () => {
    const all = await members(stack);
    expect(all.map(({ state }) => state).sort()).toEqual(["running", "streaming"]);
    leader = all.find(({ role }) => role === "leader")!.name;
    standby = data.find((name) => name !== leader)!;
    expect(await backups()).not.toEqual([]);
  });
});

afterAll(() => stack.remove());

test("all members are asked at the time of a backup, and the standby alone makes one", async () => {
  const before = (await backups()).length;
  faults({ latencyMs: 2000 });
  await Promise.all(data.map((name) => on(name, "systemctl start phasewise-backup-due@diff.service")));
  expect(await making(standby)).toContain("activating");
  // It takes as long as the test does, and holds its locks, of which one is on the primary.
  await stack.eventually(async () => expect(await on(leader, "ls /run/pgbackrest")).toContain("main-backup"));
  await on(standby, "systemctl kill -s STOP phasewise-backup@diff.service");
  noFaults();
  expect(await making(leader)).not.toContain("activating");

  const second = await stack.run("backup", stack.name);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(`main: another backup is being made on ${standby}.`);
  await on(leader, "systemctl start phasewise-backup@full.service");
  expect(JSON.parse(await on(leader, "cat /data/pgbackrest/attempt.json"))).toMatchObject({ status: 75 });
  await on(standby, "systemctl kill -s CONT phasewise-backup@diff.service");
  await stack.eventually(async () => expect(await making(standby)).not.toContain("activating"));
  expect(await backups()).toHaveLength(before + 1);
});

test("Prometheus and Alertmanager take their settings, and the rules fire when they should", async () => {
  const root = "/root/promtool";
  const tests = ["prometheus-rules", "prometheus-drill-rules"].map(
    (name) => `test/unit/docs/${name}.test.yaml`,
  );
  for (const path of ["docs/prometheus-rules.yaml", ...tests]) {
    await receiver.place(`${root}/${path}`, readFileSync(join(import.meta.dirname, "../..", path), "utf8"));
  }
  const folder = "/etc/phasewise/alerts";
  await receiver.on(`promtool check config ${folder}/prometheus.yaml`);
  await receiver.on(`amtool check-config ${folder}/alertmanager.yaml`);
  await receiver.on(`cd ${root} && promtool test rules ${tests.join(" ")}`);
  const { checks } = await stack.verify();
  expect(checks.find(({ name }) => name === "alerts")).toMatchObject({
    ok: true,
    detail: "7 exporters are watched, and the Alertmanager is reached",
  });
});

test("where alerts go to stands in no argument, in no file for everybody, and in no plain state", async () => {
  // In two parts, so that the look does not find itself.
  const { secret } = receiver;
  const parts = `"${secret.slice(0, 8)}""${secret.slice(8)}"`;
  const found = await receiver.on(
    `grep -lsaF ${parts} /proc/[0-9]*/cmdline; grep -rlsF ${parts} /etc /var/log | xargs -r stat -c '%A %U:%G %n' | sort`,
  );
  const files = ["heartbeat", "webhook"].map(
    (name) => `-rw-r----- root:prometheus /etc/phasewise/alerts/${name}`,
  );
  expect(found).toBe(files.join("\n"));
  const kept = ["state", "pulumi"].map((name) => join(stack.directory, name));
  const plain = await execa("grep", ["-rlF", secret, ...kept], { reject: false });
  expect(plain).toMatchObject({ stdout: "", exitCode: 1 });
});

test("one that is killed has failed, is told, holds no lock, and the next one is whole", async () => {
  faults({ latencyMs: 1000 });
  await on(standby, "systemctl start --no-block phasewise-backup@full.service; sleep 3");
  await on(standby, "systemctl kill -s KILL phasewise-backup@full.service");
  noFaults();
  await stack.eventually(async () => expect(await number(standby, "phasewise_backup_failed")).toBe(1));
  await stack.eventually(async () =>
    expect((await receiver.alerts()).find(({ labels }) => labels.alertname === "BackupFailed")).toMatchObject(
      {
        labels: { stack: stack.name, cluster: "main" },
        annotations: { runbook_url: `${runbooks}/docs/backups.md` },
      },
    ),
  );
  const before = (await backups()).length;
  await stack.expectOk("backup", stack.name, "--type", "full");
  expect(await backups()).toHaveLength(before + 1);
  await stack.eventually(async () => expect(await number(standby, "phasewise_backup_failed")).toBe(0));
});

test("whoever misses messages is sent one each minute, and nobody else is told of it", async () => {
  await stack.eventually(async () => expect((await receiver.heartbeats()).length).toBeGreaterThan(1));
  for (const alerts of await receiver.heartbeats()) {
    expect(alerts).toMatchObject([{ labels: { alertname: "Watchdog", stack: stack.name } }]);
  }
  const others = (await receiver.alerts()).map(({ labels }) => labels.alertname);
  expect(others).not.toContain("Watchdog");
});

revoked(
  "a storage that refuses stops no write: log is given up, told, and made good by a full backup",
  async () => {
    const before = (await backups()).length;
    faults({ revoked: ["default"] });
    await on(leader, fill("filler"));
    await stack.eventually(async () => {
      const log = "ls /data/postgresql/17/main/pg_wal/archive_status | grep -c ready || true";
      expect(Number(await on(leader, log))).toBeLessThanOrEqual(2);
    });
    const told = (await stack.verify()).checks.find(({ name }) => name === "point-in-time")!;
    expect(told.ok).toBe(false);
    expect(told.detail).toMatch(/^main: log was given up; no time from \S+Z until the next full backup/);
    // It is known after a restart too.
    await on(leader, "systemctl restart phasewise-backup-watch.timer");
    await stack.eventually(async () => expect(await number(leader, "phasewise_archive_gap")).toBe(1));

    noFaults();
    await stack.eventually(async () => expect(await number(leader, "phasewise_archive_gap")).toBe(0));
    const found = await backups();
    expect(found.slice(before).map(({ type }) => type)).toContain("full");
    const over = (await stack.verify()).checks.find(({ name }) => name === "point-in-time")!;
    expect(over).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/but none between \S+Z and \S+Z$/),
    });
    expect(await on(leader, `${psql} 'SELECT count(*) FROM filler'`)).toBe("18000");
  },
);

deleted(
  "the bucket is deleted: writes go on, it is told, and up makes it anew with a full backup",
  async () => {
    const bucket = await stack.bucket(`phasewise-${stack.name}-backups`);
    await bucket.empty(AbortSignal.timeout(60_000), () => undefined);
    await bucket.delete();
    bucket.close();
    await on(leader, fill("filler"));
    await stack.eventually(async () => {
      const log = "ls /data/postgresql/17/main/pg_wal/archive_status | grep -c ready || true";
      expect(Number(await on(leader, log))).toBeLessThanOrEqual(2);
    });
    const runbook = expect.stringContaining("docs/runbooks/bucket-lost.md");
    const { checks } = await stack.verify();
    const told = (name: string) => checks.find((check) => check.name === name)!;
    expect(told("backup")).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^main: there is no backup \(.*404/),
      fix: runbook,
    });
    expect(told("point-in-time")).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/log was given up/),
    });
    await stack.eventually(async () =>
      expect((await receiver.alerts()).map(({ labels }) => labels.alertname)).toContain("ArchiveGap"),
    );

    expect((await stack.up()).changes).toMatchObject({ replace: 0, delete: 0 });
    await stack.backedUp();
    expect((await backups())[0]).toMatchObject({ type: "full" });
    await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
    expect(await on(leader, `${psql} 'SELECT count(*) FROM filler'`)).toBe("18000");
  },
);

test("a storage that is slow and fails at random is got the better of", async () => {
  faults({ latencyMs: 50, errorRate: 0.1 });
  const before = (await backups()).length;
  await stack.expectOk("backup", stack.name, "--type", "full");
  noFaults();
  expect(await backups()).toHaveLength(before + 1);
});

both("a second repository comes to a cluster that runs", async () => {
  stack.configure({ ...settings, "phasewise:backup": { queuePercent: 2, secondRepository: {}, dumps: {} } });
  await stack.up();
  await stack.eventually(async () => expect(await backups(2)).not.toEqual([]));
  await stack.eventually(async () => expect(await making(standby)).not.toContain("activating"));
});

refused("it refuses for good: the first one carries the cluster, and it catches up", () =>
  secondRepositoryRefuses({ stack, receiver, leader, segments: 18 }),
);

gone("it carries the cluster while the first is gone", async () => {
  const [first, second] = [await backups(1), await backups(2)];

  faults({ gone: [`phasewise-${stack.name}-backups`] });
  await on(
    leader,
    `${psql} 'CREATE TABLE carried (n int)'
    for round in $(seq 18); do
      ${psql} "INSERT INTO carried SELECT $round" -c 'SELECT pg_switch_wal()'
    done`,
  );
  const asked = async (name: string) => (await stack.verify()).checks.find((check) => check.name === name)!;
  await stack.eventually(async () =>
    expect((await asked("point-in-time")).detail).toMatch(
      /^main: log was given up in repository 1; .*; the other repository has all of it$/,
    ),
  );
  expect((await asked("backup")).detail).toMatch(/main, repository 1: there is no backup \(.*404/);

  const restored = await stack.expectOk("restore", stack.name, "--keep", "--json");
  expect(JSON.parse(restored)).toMatchObject({ repository: 2, backup: second.at(-1)!.label });
  const count = ["psql", "-XAt", "app", "-c", "SELECT count(*), max(n) FROM carried"];
  expect((await stack.expectOk("scratch", stack.name, "--", ...count)).trim()).toBe("18|18");
  await stack.expectOk("scratch", stack.name, "--remove");
  const back = await stack.run("restore", stack.name, "--repository", "3");
  expect(back.code).toBe(2);

  noFaults();
  await stack.eventually(async () =>
    expect(await asked("point-in-time")).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/ in repository 1$/),
    }),
  );
  expect((await backups(1)).slice(first.length).map(({ type }) => type)).toContain("full");
  // What the second one has is whole: it needed none.
  expect(await backups(2)).toHaveLength(second.length);
});

both("a dump is made by the standby, and comes back as a new database", async () => {
  const psql = "runuser -u postgres -- psql -XAtq";
  await on(
    leader,
    `${psql} -d app -c 'CREATE TABLE dumped AS SELECT n, md5(n::text) AS t FROM generate_series(1, 5000) n' -c 'CREATE INDEX dumped_t ON dumped (t)'`,
  );
  const at = await on(leader, `${psql} -c 'SELECT pg_current_wal_lsn()'`);
  await stack.eventually(async () =>
    expect(await on(standby, `${psql} -c "SELECT pg_last_wal_replay_lsn() >= '${at}'"`)).toBe("t"),
  );
  const made = await stack.json<{ machine: string; dumps: { database: string; label: string }[] }>(
    "dump",
    stack.name,
  );
  expect(made).toMatchObject({ machine: standby, dumps: [{ database: "app" }] });

  const back = await stack.json<{ dump: { label: string } }>(
    "dumps",
    stack.name,
    "--restore",
    "app",
    "--as",
    "app_before",
  );
  expect(back.dump.label).toBe(made.dumps[0]!.label);
  const both = ["app", "app_before"].map((database) =>
    on(leader, `${psql} -d ${database} -c "SELECT count(*), max(t), to_regclass('dumped_t') FROM dumped"`),
  );
  const [there, again] = await Promise.all(both);
  expect(again).toBe(there);
  const taken = await stack.run("dumps", stack.name, "--restore", "app");
  expect(taken).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("there is a database app already"),
  });
  expect(await on(leader, "ls -A /data/dumps")).toBe("");

  // Both have it; while the first is gone the second gets the next, and it is told.
  const list = () => stack.json<{ dumps: { label: string; repositories: number[] }[] }>("dumps", stack.name);
  expect((await list()).dumps.at(-1)).toMatchObject({ label: made.dumps[0]!.label, repositories: [1, 2] });
  // What is older than its days goes where a newer one has come, and stays where none has.
  using one = await stack.documents(`phasewise-${stack.name}-backups`);
  using two = await stack.documents(`phasewise-${stack.name}-backups-2`);
  const old = "dumps/main/app/20260101T030000Z-1000.tar.gpg";
  for (const store of [one, two]) await store.putText(old, "old", "text/plain");
  faults({ gone: [`phasewise-${stack.name}-backups`] });
  const half = await stack.run("dump", stack.name);
  expect(half).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/repository 1: the object storage refuses/),
  });
  expect(await two.keys(old)).toEqual([]);
  expect((await stack.verify()).checks.find(({ name }) => name === "dumps")).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^main, repository 1: the storage does not answer \(/),
  });
  const second = await stack.json<{ repository: number }>(
    "dumps",
    stack.name,
    ...["--restore", "app", "--as", "app_second"],
  );
  expect(second.repository).toBe(2);
  await stack.eventually(async () =>
    expect((await receiver.alerts()).map(({ labels }) => labels)).toContainEqual(
      expect.objectContaining({ alertname: "CopyFailed", copy: "dumps/main", repository: "1" }),
    ),
  );
  noFaults();
  expect(await one.keys(old)).toEqual([old]);
  expect((await list()).dumps.at(-1)!.repositories).toEqual([2]);
  await on(standby, "systemctl start phasewise-dump.service");
  const check = (await stack.verify()).checks.find(({ name }) => name === "dumps")!;
  expect(check).toMatchObject({ ok: true, detail: expect.stringContaining(made.dumps[0]!.label) });
});

/** Segments of the first timeline that the archive holds, in their order. */
async function archived(machine: string): Promise<number[]> {
  const command =
    "runuser -u postgres -- pgbackrest --stanza=main --repo=1 repo-ls archive/main/17-1/0000000100000000";
  return (await on(machine, command)).split("\n").flatMap((name) => {
    const found = /^0000000100000000([0-9A-F]{8})-/.exec(name);
    return found ? [Number.parseInt(found[1]!, 16)] : [];
  });
}

single(
  "the primary is lost in the middle of one: it fails, the new primary makes the next, no log is missing",
  async () => {
    faults({ latencyMs: 1500 });
    const change = "SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()";
    await on(leader, `for round in 1 2 3 4; do runuser -u postgres -- psql -XAtqc "${change}"; done`);
    await on(standby, "systemctl start --no-block phasewise-backup@full.service; sleep 2");
    expect(await making(standby)).toContain("activating");
    const before = (await backups()).length;
    await powerOff(stack, await serverId(stack, leader));
    noFaults();
    await stack.eventually(async () => {
      // With a machine that is off `status` ends with 1.
      expect((await stack.run("status", stack.name, "--json")).stdout).toMatch(
        new RegExp(`"name": "${standby}",\\s*"role": "leader"`),
      );
    });
    await stack.eventually(async () => expect(await making(standby)).not.toContain("activating"));
    expect(await backups()).toHaveLength(before);
    await stack.expectOk("backup", stack.name, "--type", "diff");
    expect(await backups()).toHaveLength(before + 1);
    // The last segment of a timeline is never full.
    const switched = await on(standby, "head -n 1 /data/postgresql/17/main/pg_wal/00000002.history");
    const last = Math.floor(Number.parseInt(switched.split("\t")[1]!.split("/")[1]!, 16) / 2 ** 24) - 1;
    await stack.eventually(async () => {
      const found = await archived(standby);
      expect(found.slice(-5)).toEqual([4, 3, 2, 1, 0].map((back) => last - back));
    });
  },
);
