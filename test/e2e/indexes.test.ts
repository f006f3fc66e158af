import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack } from "./stack.ts";

/** Catalogues on real PostgreSQL, on good days and bad ones; one machine for all of them. */
const stack = new Stack("indexes");

interface Outcome {
  name: string;
  kind: string;
  note?: string;
  reason?: string;
}
interface Report {
  run: string | null;
  created: Outcome[];
  present: Outcome[];
  repaired: Outcome[];
  skipped: Outcome[];
  failed: Outcome[];
  databaseSeconds: number;
}

const names = (list: Outcome[]) => list.map((one) => one.name).sort();

/** Writes a catalogue of indexes; entries as YAML's inline maps. */
function catalogue(name: string, lines: string[]): string {
  const file = join(stack.directory, `${name}.yaml`);
  mkdirSync(stack.directory, { recursive: true });
  writeFileSync(file, ["description: of a test", ...lines].join("\n"));
  return file;
}

async function apply(file: string, ...options: string[]): Promise<Report & { code: number; stderr: string }> {
  const outcome = await stack.run("indexes", stack.name, "--catalogue", file, "--json", ...options);
  return { ...(JSON.parse(outcome.stdout) as Report), code: outcome.code, stderr: outcome.stderr };
}

const halfMade = () => stack.sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid");

/** An open transaction that has written to a table, until `release`. */
async function hold(table: string): Promise<{ release(): Promise<void> }> {
  const psql = stack.start(["psql", stack.name, "--", "-X", "-q"], { stdin: "pipe" });
  psql.stdin?.write(`BEGIN; LOCK TABLE ${table} IN ROW EXCLUSIVE MODE;\n`);
  const locked = `SELECT count(*) FROM pg_locks WHERE relation = '${table}'::regclass AND mode = 'RowExclusiveLock'`;
  await stack.eventually(async () => expect(await stack.sql(locked)).toBe("1"));
  return {
    release: async () => {
      psql.stdin?.end("ROLLBACK;\n");
      await psql;
    },
  };
}

beforeAll(async () => {
  await stack.reset();
  await stack.up();
});

afterAll(() => stack.remove());

test("each system's catalogue is applied to its sample, and a second time changes nothing", async () => {
  for (const system of ["fastbots", "ventures", "replyx", "data-layer", "zantara"]) {
    await stack.expectOk("example", "load", stack.name, system, "--scale", "small");
    const first = await apply(system);
    expect(first.code, first.stderr).toBe(0);
    expect(first.created.length, system).toBeGreaterThan(3);
    expect(first.skipped, system).toEqual([]);
    const second = await apply(system);
    expect(second).toMatchObject({ code: 0, run: null, created: [], repaired: [], skipped: [], failed: [] });
    expect(names(second.present)).toEqual(names(first.created.filter((one) => one.kind !== "extension")));
    expect(second.databaseSeconds).toBeLessThan(1);
  }
});

test("a catalogue with faults is refused with all of them, and nothing is touched", async () => {
  const file = catalogue("faulty", [
    "indexes:",
    "  - { name: idx_a, table: a, colums: [x], why: one }",
    "  - { name: idx_b, table: b, kind: ivfflat, column: e, operator: '<+>', why: two }",
    "partitions: all",
  ]);
  const outcome = await stack.run("indexes", stack.name, "--catalogue", file);
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain("There are 4 faults in a catalogue");
  const lines = [...outcome.stderr.matchAll(/faulty\.yaml:(\d+) /g)].map((match) => match[1]);
  expect(lines).toEqual(["3", "3", "4", "5"]);
  expect(outcome.stderr).toContain("Nothing was changed.");
});

test("a build that is killed is repaired, and a lock that stays fails its own index alone", async () => {
  await stack.sql(
    "CREATE TABLE locked AS SELECT g AS id, md5(g::text) AS v FROM generate_series(1, 50000) g; CREATE TABLE free (v text)",
  );
  const file = catalogue("locks", [
    "indexes:",
    "  - { name: idx_locked_v, table: locked, columns: [v], why: one }",
    "  - { name: idx_free_v, table: free, columns: [v], why: two }",
  ]);
  const transaction = await hold("locked");
  const killed = stack.start(["indexes", stack.name, "--catalogue", file]);
  await stack.eventually(async () => expect(await halfMade()).toBe("1"));
  killed.kill("SIGKILL");
  await killed;

  const blocked = await apply(file, "--lock-timeout", "1", "--retries", "1");
  expect(blocked.code).toBe(1);
  expect(names(blocked.created)).toEqual(["idx_free_v"]);
  expect(blocked.failed[0]?.reason).toMatch(
    /^the table's lock was not free in 2 attempts; process \d+ \(.*idle in transaction.*\) holds it/,
  );

  await transaction.release();
  const repaired = await apply(file);
  expect(repaired).toMatchObject({ code: 0, failed: [] });
  expect(names(repaired.repaired)).toEqual(["idx_locked_v"]);
  expect(await halfMade()).toBe("0");
  expect(names((await apply(file)).present)).toEqual(["idx_free_v", "idx_locked_v"]);
});

test("a connection that is lost says so, and the next run repairs what it left", async () => {
  await stack.sql("CREATE TABLE lost (v text)");
  const file = catalogue("lost", [
    "indexes:",
    "  - { name: idx_lost_v, table: lost, columns: [v], why: one }",
  ]);
  const transaction = await hold("lost");
  const build = stack.run("indexes", stack.name, "--catalogue", file);
  await stack.eventually(async () => expect(await halfMade()).toBe("1"));
  const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'phasewise indexes%'`;
  await stack.expectOk("ssh", stack.name, "core-1", "--", `runuser -u postgres -- psql -Xc "${end}"`);
  const outcome = await build;
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toContain("The connection to main's primary was lost: ");
  await transaction.release();
  expect(names((await apply(file)).repaired)).toEqual(["idx_lost_v"]);
});

test("a disk that runs full stops the build, and nothing else", async () => {
  await stack.sql("CREATE TABLE filling AS SELECT md5(g::text) AS v FROM generate_series(1, 50000) g");
  const file = catalogue("disk", [
    "indexes:",
    "  - { name: idx_filling_v, table: filling, columns: [v], why: one }",
  ]);
  const transaction = await hold("filling");
  const filler = "/data/filler";
  const machine = (command: string) => stack.expectOk("ssh", stack.name, "core-1", "--", command);
  const build = apply(file);
  try {
    await stack.eventually(async () => expect(await halfMade()).toBe("1"));
    await machine(`fallocate -l $(($(df -B1 --output=avail /data | tail -n 1) - 50000000)) ${filler}`);
    await new Promise((resolve) => setTimeout(resolve, 2000));
  } finally {
    await transaction.release();
  }
  const report = await build;
  expect(report.code).toBe(1);
  expect(report.failed[0]?.reason).toMatch(
    /^core-1:\/data has \d+ MB free, and \d+ MB are kept for the write-ahead log$/,
  );
  expect(await halfMade()).toBe("0");
  expect((await apply(file)).failed[0]?.reason).toMatch(/MB are kept/);
  await stack.sql("INSERT INTO filling VALUES ('still writing')");
  await machine(`rm ${filler}`);
  expect(names((await apply(file)).created)).toEqual(["idx_filling_v"]);
});

test("duplicates and mixed dimensions are counted, and leave nothing behind", async () => {
  await stack.sql(
    "CREATE TABLE people (email text); INSERT INTO people SELECT 'p' || g % 40 FROM generate_series(1, 50) g;" +
      " CREATE TABLE notes (embedding vector); INSERT INTO notes SELECT ('[1,2' || repeat(',3', g % 2) || ']')::vector FROM generate_series(1, 9) g",
  );
  const file = catalogue("data", [
    "indexes:",
    "  - { name: idx_people_email, table: people, columns: [email], unique: true, why: one }",
    "  - { name: idx_notes_embedding, table: notes, kind: hnsw, column: embedding, operator: '<=>', why: two }",
  ]);
  const report = await apply(file);
  expect(report.code).toBe(1);
  expect(report.failed.map((one) => one.reason)).toEqual([
    "10 values of (email) occur more than once in people, in 20 rows",
    "notes.embedding holds vectors of mixed dimensions: 3 (5 rows), 2 (4 rows); an index takes one",
  ]);
  expect(await halfMade()).toBe("0");
});

const schema = () =>
  stack.sql(
    "SELECT string_agg(c.relname || ' ' || c.relkind::text, ', ' ORDER BY c.relname COLLATE \"C\") FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relname ~ 'series|monthly'",
  );

test("partitions are made ahead and indexed one by one; a run is shown, made, kept up and taken back", async () => {
  await stack.sql(
    "CREATE TABLE series (name text, at timestamptz NOT NULL, labels jsonb) PARTITION BY RANGE (at);" +
      " CREATE TABLE series_old PARTITION OF series FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');" +
      " INSERT INTO series SELECT 'a', '2020-01-01'::timestamptz + g * interval '1 minute', '{}' FROM generate_series(1, 1000) g",
  );
  const file = catalogue("series", [
    "indexes:",
    "  - { name: idx_series_name, table: series, columns: [name, at desc, { expression: \"labels->>'i'\" }], why: one }",
    "materializedViews:",
    "  - { name: monthly, query: 'SELECT name, count(*) AS n FROM series GROUP BY name', unique: [name], refresh: hourly, why: two }",
    "partitions:",
    "  - { table: series, column: at, every: month, ahead: 1, why: three }",
  ]);
  const before = await schema();
  const told = await stack.expectOk("indexes", stack.name, "--catalogue", file, "--dry-run");
  expect(told).toContain('CREATE INDEX "idx_series_name" ON ONLY "public"."series"');
  expect(told).toContain("CREATE MATERIALIZED VIEW");
  expect(await schema()).toBe(before);

  const made = await apply(file);
  expect(made).toMatchObject({ code: 0, failed: [], skipped: [] });
  expect(names(made.created)).toEqual(["idx_series_name", "monthly", "series"]);
  expect(await schema()).toMatch(
    /idx_series_name I, idx_series_name_series_\d{4}_\d\d i, .*monthly m, monthly_unique i/,
  );
  expect(names((await apply(file)).present)).toEqual(["idx_series_name", "monthly", "series"]);

  await stack.sql("INSERT INTO series VALUES ('b', '2020-01-05', '{}')");
  await stack.expectOk("ssh", stack.name, "core-1", "--", "systemctl start phasewise-upkeep");
  expect(await stack.sql("SELECT count(*) FROM monthly")).toBe("2");
  expect((await apply(file)).run).toBeNull();

  // The timer makes the same partitions as the command.
  const all = await schema();
  await stack.sql(`DROP TABLE ${/series_\d{4}_\d\d(?= r)/.exec(all)?.[0]}`);
  expect(await schema()).not.toBe(all);
  await stack.expectOk("ssh", stack.name, "core-1", "--", "systemctl start phasewise-upkeep");
  expect((await apply(file)).run).toBeNull();

  await stack.expectOk("indexes", stack.name, "--undo", made.run!);
  expect(await schema()).toBe(before);
});
