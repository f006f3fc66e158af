import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack } from "./stack.ts";
import { isTurnOf } from "./turn.ts";

/** Redis and metrics on a real machine, and bad days: restored, killed, a file cut short or damaged, resized, turned off. */
const stack = new Stack("redis");
/** By turns its backups go to two repositories. */
const both = isTurnOf(0, 2);
const backup = { "phasewise:backup": both ? { secondRepository: {} } : {} };
const manifest = "/data/redis/appendonlydir/appendonly.aof.manifest";
const newestFile = "$(ls -t /data/redis/appendonlydir/*.incr.aof | head -n 1)";

interface Connection {
  url: string;
  host: string;
  port: number;
  user: string;
  caCertificate: string;
}

/** What `url` says; it stays until the stack's passwords are made anew. */
let connection: Connection;

async function askForUrl(): Promise<void> {
  connection = JSON.parse(
    await stack.expectOk("url", stack.name, "--redis", "--show-secrets", "--json"),
  ) as Connection;
}

/** Connects as an application does: by the URL and the authority's certificate alone. */
function client(change: Record<string, unknown> = {}): Redis {
  const { hostname, port, username, password } = new URL(connection.url);
  return new Redis({
    host: hostname,
    port: Number(port),
    username,
    password,
    lazyConnect: true,
    tls: { ca: readFileSync(connection.caCertificate) },
    connectTimeout: 3000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    ...change,
  });
}

async function use<T>(work: (redis: Redis) => Promise<T>, change: Record<string, unknown> = {}): Promise<T> {
  const redis = client(change);
  let reason: Error | undefined;
  redis.on("error", (error: Error) => {
    reason ??= error;
  });
  try {
    await redis.connect();
    return await work(redis);
  } catch (error) {
    throw reason ?? error;
  } finally {
    redis.disconnect();
  }
}

const get = (key: string) => use((redis) => redis.get(key));
const on = (...lines: string[]) => stack.expectOk("ssh", stack.name, "--", lines.join("\n"));
const runId = () => use(async (redis) => /run_id:(\w+)/.exec(await redis.info("server"))![1]!);
const check = async () => (await stack.verify()).checks.find((one) => one.name === "redis")!;

async function fill(): Promise<void> {
  await use(async (redis) => {
    for (let number = 0; number < 200; number++) await redis.set(`key:${number}`, `value ${number}`);
  });
  // The file is flushed every second.
  await sleep(1500);
}

beforeAll(async () => {
  await stack.reset();
  stack.configure({ "phasewise:redis": { enabled: true }, ...backup });
  await stack.up();
  await askForUrl();
});

afterAll(() => stack.remove());

test("applications use it by TLS with their password, and no other way", async () => {
  expect(await check()).toMatchObject({ ok: true, detail: expect.stringContaining("256 MB, allkeys-lru") });
  await use((redis) => redis.set("greeting", "hello", "EX", 600));
  expect(await get("greeting")).toBe("hello");
  expect(await stack.expectOk("url", stack.name, "--redis")).toMatch(/^rediss:\/\/app@[\d.]+:6379\/0$/);

  await expect(use((redis) => redis.ping(), { password: "wrong" })).rejects.toThrow(/WRONGPASS/);
  await expect(use((redis) => redis.ping(), { username: "default" })).rejects.toThrow(/WRONGPASS/);
  await expect(use((redis) => redis.ping(), { tls: {} })).rejects.toThrow(
    /self-signed certificate|unable to verify/,
  );
  await expect(use((redis) => redis.ping(), { tls: undefined })).rejects.toThrow();
  await expect(use((redis) => redis.keys("*"))).rejects.toThrow(/NOPERM/);
  await expect(use((redis) => redis.config("GET", "*"))).rejects.toThrow(/NOPERM/);
});

interface Metrics {
  metrics: { name: string; labels: Record<string, string>; value: number }[];
}

test("metrics: the dictionary follows what is done; a silent exporter is told", async () => {
  await stack.sql("create table items (id int primary key, v vector(3))");
  await stack.sql("insert into items select n, array[n, 1, 2]::vector from generate_series(1, 500) n");
  await stack.sql("select id from items order by v <-> '[1,2,3]' limit 5");
  const told = async (name: string, labels: Record<string, string> = {}) =>
    (await stack.json<Metrics>("metrics", stack.name)).metrics.find(
      (one) => one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text),
    )?.value ?? -1;
  // It keeps what is costly to ask for up to a minute.
  await on("systemctl restart prometheus-postgres-exporter");
  await stack.eventually(async () => {
    expect(await told("vector_search_calls", { operator: "<->" })).toBeGreaterThan(0);
    expect(await told("table_size_bytes", { relname: "items" })).toBeGreaterThan(8192);
  });
  expect(await told("replication_lag_seconds")).toBe(0);
  expect(await told("pool_utilization_percent", { for: "writes" })).toBe(0);
  expect(await on("ss -Hltn 'sport = 9187' | awk '{print $4}'")).toBe("10.0.1.11:9187");
  // The monitoring role sees numbers and no row.
  await expect(
    on(
      "set -a; . /etc/default/prometheus-postgres-exporter",
      'PGPASSWORD="$DATA_SOURCE_PASS" psql "postgresql://monitor@$DATA_SOURCE_URI" -c "select * from items"',
    ),
  ).rejects.toThrow(/permission denied for table items/);

  await on("systemctl stop prometheus-postgres-exporter");
  expect((await stack.faults()).join()).toMatch(
    /metrics: core-1: prometheus-postgres-exporter does not answer/,
  );
  await on("systemctl start prometheus-postgres-exporter");
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
});

interface Made {
  backups: { label: string; bytes: number }[];
}

test("a backup in the bucket brings back what was flushed, and the data of before is kept", async () => {
  await fill();
  await use((redis) => redis.set("for a while", "x", "EX", 3000));
  const made = (await stack.json<Made>("backup", stack.name, "--cache", "cache")).backups[0]!;
  const list = await stack.json<{ caches: (Made & { cache: string })[] }>("backups", stack.name);
  expect(list.caches[0]?.backups.at(-1)).toMatchObject({ label: made.label, bytes: made.bytes });
  expect((await stack.verify()).checks).toContainEqual(
    expect.objectContaining({ name: "redis-backup", ok: true, detail: expect.stringContaining(made.label) }),
  );

  await use((redis) => redis.flushdb());
  await use((redis) => redis.set("later", "kept aside"));
  const cipher = "/etc/phasewise/redis-backup/cipher.password";
  await on(`cp -p ${cipher} /root/cipher`, `echo another > ${cipher}`);
  const restore = ["restore", stack.name, "--cache", "cache", "--to", made.label, "--yes"];
  const refused = await stack.run(...restore);
  await on(`cp -p /root/cipher ${cipher}`);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("cannot be decrypted: another key, or it was damaged");
  expect(await get("later")).toBe("kept aside");

  const report = await stack.json<{ keys: number; kept: { path: string } }>(...restore);
  expect(await get("key:199")).toBe("value 199");
  expect(await get("later")).toBeNull();
  expect(await use((redis) => redis.ttl("for a while"))).toBeGreaterThan(0);
  expect(report.keys).toBe(await use((redis) => redis.dbsize()));
  expect(await on(`grep -ac 'kept aside' ${report.kept.path}/appendonlydir/*.incr.aof`)).toMatch(/^[1-9]/);
  // Nothing of it is left in clear, nor what was cut off.
  expect(await on("ls /data/redis-kept")).toBe(report.kept.path.split("/").at(-1));
  expect((await check()).ok).toBe(true);
});

test("a backup that cannot be read, or not sent, fails and leaves nothing in the bucket", async () => {
  const bucket = () => stack.json<{ caches: Made[] }>("backups", stack.name).then(({ caches }) => caches);
  const before = await bucket();
  const password = "/etc/phasewise/redis-backup/backup.password";
  await on(`cp -p ${password} /root/password`, `echo another > ${password}`);
  const unread = await stack.run("backup", stack.name, "--cache", "cache");
  await on(`cp -p /root/password ${password}`);
  expect(unread.code).toBe(1);
  expect(unread.stderr).toContain("reading from Redis ended with code 1");

  const faults = join(stack.directory, "cloud/objects/faults.json");
  writeFileSync(faults, JSON.stringify({ revoked: ["default"] }));
  const unsent = await on("systemctl start phasewise-redis-backup@make && echo made || echo failed");
  rmSync(faults);
  expect(unsent).toBe("failed");
  expect(await bucket()).toEqual(before);
});

test.runIf(both)(
  "one repository that is gone keeps a backup from no other, is told, and gets its own",
  async () => {
    await fill();
    using first = await stack.documents(`phasewise-${stack.name}-backups`);
    using second = await stack.documents(`phasewise-${stack.name}-backups-2`);
    const old = "redis/cache/20260101T023000Z.rdb.gpg";
    for (const store of [first, second]) await store.putText(old, "old", "text/plain");
    const faults = join(stack.directory, "cloud/objects/faults.json");
    writeFileSync(faults, JSON.stringify({ gone: [`phasewise-${stack.name}-backups`] }));
    const unit = "phasewise-redis-backup@make";
    expect(await on(`systemctl start ${unit} && echo made || echo failed`)).toBe("failed");
    const said = await on(`journalctl -u ${unit} -n 8 --no-pager -o cat`);
    expect(said).toMatch(/^repository 2: redis\/cache\/\S+: \d+ bytes/m);
    expect(said).toMatch(/^repository 1: the object storage refuses .*NoSuchBucket/m);
    expect(await second.keys(old)).toEqual([]);
    const told = "cat /var/lib/prometheus/node-exporter/phasewise-copies-redis-cache.prom";
    expect(await on(told)).toMatch(/^phasewise_copy_failed\{copy="redis\/cache",repository="1"\} 1$/m);
    const verified = async () => (await stack.verify()).checks.find(({ name }) => name === "redis-backup")!;
    expect(await verified()).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^cache, repository 1: the storage does not answer \(.*bucket/i),
    });
    await use((redis) => redis.flushdb());
    const restored = await stack.json<{ repository: number }>(
      "restore",
      stack.name,
      ...["--cache", "cache", "--yes"],
    );
    expect(restored.repository).toBe(2);
    expect(await get("key:199")).toBe("value 199");

    rmSync(faults);
    expect(await first.keys(old)).toEqual([old]);
    // What was there is gone from the first: it gets one by itself, and the second no other.
    const forget =
      "import redisBackup as r; m = r.Machine(r.FOLDER); s = m.stores[1]; [s.request('DELETE', k) for k in s.list()]";
    const place = "/usr/local/lib/phasewise";
    await on(
      `cp ${place}/redis-backup /run/redisBackup.py && PYTHONPATH=/run:${place} python3 -B -c "${forget}"`,
    );
    await on("systemctl start phasewise-redis-backup@due");
    const { caches } = await stack.json<{ caches: { backups: { repositories: number[] }[] }[] }>(
      "backups",
      stack.name,
    );
    expect(caches[0]!.backups.at(-1)).toMatchObject({ repositories: [1] });
    expect(caches[0]!.backups.filter(({ repositories }) => repositories.includes(1))).toHaveLength(1);
    expect(await verified()).toMatchObject({ ok: true, detail: expect.stringContaining("repository 2") });
    expect(await on(told)).not.toMatch(/^phasewise_copy_failed.* 1$/m);
  },
);

test("killed, it comes back by itself with its data", async () => {
  await fill();
  const before = await runId();
  await on("kill -9 $(systemctl show -P MainPID redis-server)");
  await stack.eventually(async () => expect(await get("key:199")).toBe("value 199"));
  expect(await runId()).not.toBe(before);
});

test("its file cut short: it starts, lost the last record, and says so", async () => {
  await use((redis) => redis.set("last", "record"));
  await on("systemctl stop redis-server", `truncate -s -3 ${newestFile}`, "systemctl start redis-server");
  expect(await get("key:199")).toBe("value 199");
  expect(await get("last")).toBeNull();
  expect(await on("journalctl -u redis-server -o cat")).toMatch(/Truncating the AOF .* at offset/);
  expect((await check()).ok).toBe(true);
});

test("its file damaged in the middle: verify says how to mend it, and that way works", async () => {
  await fill();
  await on(
    "systemctl stop redis-server",
    // The hundredth record from the end no longer begins like one.
    `at=$(grep -a -b -o '^\\*3' ${newestFile} | tail -n 100 | head -n 1 | cut -d: -f1)`,
    `printf XX | dd of=${newestFile} bs=1 seek=$at conv=notrunc 2> /dev/null`,
    "systemctl start redis-server || true",
  );
  const found = await check();
  expect(found).toMatchObject({
    ok: false,
    detail: "cache: Redis on core-1 does not start: its append-only file is damaged",
    fix: expect.stringContaining(`redis-check-aof --fix ${manifest}`),
  });

  await on(
    "systemctl stop redis-server",
    "cp -a /data/redis /data/redis.damaged",
    `yes y | redis-check-aof --fix ${manifest}`,
    "systemctl start redis-server",
  );
  expect((await check()).ok).toBe(true);
  expect(await get("key:42")).toBe("value 42");
});

test("another memory limit and policy are applied without a restart", async () => {
  const before = await runId();
  stack.configure({
    "phasewise:redis": { enabled: true, memoryMb: 128, evictionPolicy: "noeviction" },
    ...backup,
  });
  expect((await stack.up()).changes).toMatchObject({ update: 1, create: 0, delete: 0, replace: 0 });
  expect(await check()).toMatchObject({ ok: true, detail: expect.stringContaining("128 MB, noeviction") });
  expect(await runId()).toBe(before);

  // What was set by hand is told.
  await on("/usr/local/lib/phasewise/redis-cli -e CONFIG SET maxmemory 0");
  expect(await check()).toMatchObject({
    ok: false,
    detail: "cache: maxmemory is 0 bytes, 134217728 are declared",
  });
  await on("systemctl reload redis-server");
  expect((await check()).ok).toBe(true);
});

test("turned off, its port is closed and its data stays; turned on again, all of it is there", async () => {
  const { host, port } = connection;
  stack.configure({ "phasewise:redis": { enabled: false }, ...backup });
  await stack.up();
  expect(await stack.faults()).toEqual([]);
  expect((await stack.run("url", stack.name, "--redis")).code).toBe(2);
  const gone = new Redis({ host, port, lazyConnect: true, connectTimeout: 1000, retryStrategy: () => null });
  gone.on("error", () => {});
  await expect(gone.connect()).rejects.toThrow();
  gone.disconnect();
  expect(await on("systemctl is-active redis-server")).toBe("active");

  // With other passwords, which the running server learns by a reload.
  stack.configure({ "phasewise:redis": { enabled: true }, ...backup });
  await stack.up();
  await askForUrl();
  expect(await stack.faults()).toEqual([]);
  expect(await get("key:42")).toBe("value 42");
});

test("after a reset of its machine it is there again, with its data", async () => {
  const [server] = await stack.servers();
  const before = await runId();
  await stack.api("POST", `/servers/${server?.id}/actions/reset`);
  await stack.eventually(async () => expect(await runId()).not.toBe(before));
  expect(await get("key:42")).toBe("value 42");
});
